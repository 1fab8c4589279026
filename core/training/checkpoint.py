"""Checkpoints: folders that are either whole or recognisably not, the same for every engine, no pickle.

    RUN/checkpoints/step-00000200/
        model.safetensors      parameters and buffers under their dotted names
        optimizer.safetensors  what the update rule remembers ("first.NAME", ...) and the average of the weights
                               ("ema.NAME"), where the run keeps one
        state.json             step, position in the data, configuration, versions, engine
        manifest.json          size and SHA-256 of the other three, written last
    RUN/best.json              which of them is the best one, where `training.keep.best` asks for it; RUN/best names it

A save writes a hidden folder (`.step-00000200.writing`), brings every file to the disk, and renames it; until the
rename nothing else has changed, and `keep` removes older checkpoints only after it. Whatever kills either, a whole one
remains.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy

from tandemclip.core.errors import UserError
from tandemclip.core.methods.method import AUXILIARY
from tandemclip.core.training.best import NAME as BEST
from tandemclip.core.training.best import Best, point, pointed
from tandemclip.core.training.update import AVERAGE
from tandemclip.core.whole_file import sync

FORMAT = 2
READ = (1, FORMAT)  # in format 1, auxiliary parts were called "training."
KEEP = 2  # where nothing else is asked for: the newest one may be torn
MANIFEST = "manifest.json"
FILES = ("model.safetensors", "optimizer.safetensors", "state.json")
# `.step-N.old` is a checkpoint that a new one of the same step is about to replace. Killed between the two renames, it
# is the only one of its step, so it counts as a checkpoint.
_NAME = re.compile(r"step-(\d{8,})|\.step-(\d{8,})\.old")


@dataclass(frozen=True)
class Checkpoint:
    """What `load` found. Arrays are writable copies; `state` holds at least `step`, the number of updates done."""

    model: dict[str, np.ndarray]
    optimizer: dict[str, np.ndarray]
    state: dict
    folder: Path

    @property
    def step(self) -> int:
        return self.state["step"]

    @property
    def averaged(self) -> dict[str, np.ndarray]:
        """What evaluation goes by: the average of the weights where the run keeps one, else the weights."""
        prefix = f"{AVERAGE}."
        average = {n.removeprefix(prefix): x for n, x in self.optimizer.items() if n.startswith(prefix)}
        return {**self.model, **average}


def save(run: Path, step: int, model: dict[str, np.ndarray], optimizer: dict[str, np.ndarray], state: dict) -> Path:
    """Write RUN/checkpoints/step-<step>, replacing one of the same step.

    `state` must survive JSON; `step` (updates done) is added to it. Takes a transient copy of the larger of the two
    dictionaries in memory. UserError when the disk refuses (full, read-only); older checkpoints then still stand.
    """
    folder = folder_of(run, step)
    parent = folder.parent
    temporary = parent / f".{folder.name}.writing"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for leftover in parent.glob(".step-*.writing"):
            shutil.rmtree(leftover)
        temporary.mkdir()
        _write_contents(temporary, model, optimizer, {**state, "step": step})
        _publish(temporary, folder)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)  # frees a full disk; what stays now goes at the next save
        raise UserError(
            f"the checkpoint of step {step} could not be written to {parent} ({error.strerror or error}); earlier"
            " checkpoints are untouched: make the folder writable, free some space, then continue with --resume"
        ) from error
    return folder


def folder_of(run: Path, step: int) -> Path:
    return Path(run) / "checkpoints" / f"step-{step:08d}"


def keep(run: Path, step: int, last: int = KEEP, best: Best | None = None) -> None:
    """After the save of `step`: point to the best one, then remove what is older than the `last` newest up to `step`.

    The best one stays.
    """
    point_to(run, best)
    _remove_expired(folder_of(run, step), last, None if best is None else folder_of(run, best.step))


def point_to(run: Path, best: Best | None) -> bool:
    """Make RUN/best name the checkpoint of `best`. False where that is not there any more: RUN/best names none then."""
    folder = None if best is None else folder_of(run, best.step)
    if folder is not None and _fault(folder, hashes=False) is not None:
        folder = None
    point(run, best, folder)
    return best is None or folder is not None


def latest(run: Path, warn: Callable[[str], None] | None = None) -> Path | None:
    """The newest whole checkpoint of a run, or None; each torn one passed over is named to `warn` (default: stderr)."""
    for _, folder in _candidates(Path(run) / "checkpoints"):
        fault = _fault(folder)
        if fault is None:
            return folder
        (warn or _print_warning)(f"skipped the torn checkpoint {folder}: {fault}")
    return None


def resolve(path: Path, warn: Callable[[str], None] | None = None) -> Path:
    """The checkpoint that `path` names: a checkpoint's own folder as it is, a run's folder by its newest whole one, and
    RUN/best by the run's best.json.
    """
    path = Path(os.path.expanduser(path))  # pathlib raises for a user that is not there
    if path.name == BEST and not path.exists() and path.parent.exists():
        return _best(path.parent)
    if _NAME.fullmatch(path.name) or (path / MANIFEST).exists():
        return path
    found = latest(path, warn)
    if found is None:
        raise UserError(
            f"{path} holds no whole checkpoint; expected one like RUN/checkpoints/step-00000200, or a RUN with one:"
            " correct the path"
        )
    return found


def _best(run: Path) -> Path:
    found = pointed(run)
    if found is None:
        raise UserError(
            f"{run} keeps no best checkpoint; name {run} for its newest one, or train with training.keep.best=METRIC "
            "and training.evaluate_every=N"
        )
    return found


def load(folder: Path) -> Checkpoint:
    """Read one checkpoint, checked against the manifest; UserError names the first file that is wrong."""
    folder = Path(folder)
    fault = _fault(folder)
    if fault is not None:
        raise UserError(
            f"checkpoint {folder} is not whole: {fault}; name another checkpoint, or the run's folder, which takes its"
            " newest whole one"
        )
    model, optimizer, _ = (folder / name for name in FILES)
    written = json.loads((folder / MANIFEST).read_bytes())["format"]
    return Checkpoint(
        model=_renamed(safetensors.numpy.load_file(model), written),
        optimizer=_renamed(safetensors.numpy.load_file(optimizer), written),
        state=read_state(folder),
        folder=folder,
    )


def read_state(folder: Path) -> dict:
    """What `Checkpoint.state` is, of a checkpoint that `resolve` gave, without its arrays."""
    return json.loads((folder / FILES[2]).read_text(encoding="utf-8"))


def _renamed(arrays: dict[str, np.ndarray], written: int) -> dict[str, np.ndarray]:
    """Arrays of any format by today's names; those of an optimizer have a state's name in front ("first.NAME")."""
    if written > 1:
        return arrays
    old = re.compile(r"^((?:first|second)\.)?training\.")
    return {old.sub(rf"\g<1>{AUXILIARY}", name): array for name, array in arrays.items()}


def refuse_later(run: Path, step: int) -> None:
    """Raise UserError when `run` holds a whole checkpoint later than `step`, from where a run is about to start.

    Going on would leave two histories in one folder, and a later --resume would take the abandoned one.
    """
    for later, folder in _candidates(Path(run) / "checkpoints"):
        if later > step and _fault(folder) is None:
            raise UserError(
                f"{run} already holds {folder.name}, and this run would start at step {step}: continue with"
                " --resume, or choose another --out"
            )


def refuse_torn(run: Path) -> None:
    """Raise UserError when all that `run` holds is torn checkpoints: to begin anew would throw its journal away."""
    torn = _candidates(Path(run) / "checkpoints")
    if torn:
        raise UserError(
            f"none of the {len(torn)} checkpoints in {run} is whole, so that --resume has nothing to go on from: bring "
            "one back from a copy, or start anew with another --out"
        )


def _write_contents(folder: Path, model: dict[str, np.ndarray], optimizer: dict[str, np.ndarray], state: dict) -> None:
    serialise = {
        "model.safetensors": lambda: safetensors.numpy.save(_contiguous(model)),
        "optimizer.safetensors": lambda: safetensors.numpy.save(_contiguous(optimizer)),
        "state.json": lambda: json.dumps(state, indent=1).encode(),
    }
    entries = {}
    for name in FILES:
        data = serialise[name]()
        # Hashed in memory, so that the manifest says what was meant, not what the disk made of it.
        entries[name] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        _write(folder / name, data)
    _write(folder / MANIFEST, json.dumps({"format": FORMAT, "files": entries}, indent=1).encode())


def _contiguous(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    # safetensors copies raw memory, which garbles a transposed view. np.ascontiguousarray would make 0-d arrays 1-d.
    return {name: np.asarray(array, order="C") for name, array in arrays.items()}


def _publish(temporary: Path, folder: Path) -> None:
    """Give a complete temporary folder its name. No rename replaces a full folder: that one steps aside."""
    sync(temporary)
    if folder.exists():
        aside = folder.with_name(f".{folder.name}.old")
        if aside.exists():
            shutil.rmtree(aside)
        os.rename(folder, aside)
    os.rename(temporary, folder)
    sync(folder.parent)
    sync(folder.parent.parent)  # the entry `checkpoints` itself, new with the first save


def _remove_expired(newest: Path, last: int, spared: Path | None) -> None:
    """Remove what is older than the `last` newest whole ones. Goes by sizes: hashing gigabytes at a save is slow."""
    step = int(_NAME.fullmatch(newest.name)[1])
    kept = 1
    for other_step, folder in _candidates(newest.parent):
        if folder == newest or other_step > step:
            continue
        if kept < last and other_step != step:
            kept += _fault(folder, hashes=False) is None
            continue
        if folder == spared:
            continue
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise UserError(
                f"{newest} is complete, but the older checkpoint {folder} could not be removed"
                f" ({error.strerror or error}): remove it by hand, then continue with --resume"
            ) from error


def _candidates(parent: Path) -> list[tuple[int, Path]]:
    """(step, folder) of everything named like a checkpoint, newest first; of one step, the replaced one last."""
    if not os.path.isdir(parent):  # pathlib raises where a name is too long for the disk
        return []
    matches = [(_NAME.fullmatch(folder.name), folder) for folder in parent.iterdir()]
    steps = [(int(match[1] or match[2]), match[1] is not None, folder) for match, folder in matches if match]
    return [(step, folder) for step, _, folder in sorted(steps, reverse=True)]


def _fault(folder: Path, hashes: bool = True) -> str | None:
    """The first thing that is wrong with a checkpoint, in words, or None when it is whole."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        written_format = manifest["format"]
        expected = {name: (manifest["files"][name]["size"], manifest["files"][name]["sha256"]) for name in FILES}
    except OSError as error:
        return f"{MANIFEST} is missing or unreadable ({error.strerror})"
    except (ValueError, KeyError, TypeError):
        return f"{MANIFEST} is damaged"
    if written_format not in READ:
        return f"{MANIFEST} has format {written_format}, this version reads {' and '.join(map(str, READ))}"
    for name, (size, sha256) in expected.items():
        try:
            found = (folder / name).stat().st_size
            if found != size:
                return f"{name} has {found} bytes, the manifest says {size}"
            if hashes and _sha256(folder / name) != sha256:
                return f"{name} does not have the SHA-256 in the manifest"
        except OSError as error:
            return f"{name} is missing or unreadable ({error.strerror})"
    return None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _write(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _print_warning(message: str) -> None:
    print(f"warning: {message}", file=sys.stderr)
