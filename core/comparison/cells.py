"""The cells of a comparison: each configuration with each seed, a run in a folder of its own, trained once."""

import json
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import tandemclip
from tandemclip.core import statistics_file
from tandemclip.core.console.command_line import parse_overrides
from tandemclip.core.errors import UserError
from tandemclip.core.statistic import Statistic
from tandemclip.core.training import checkpoint, journal
from tandemclip.core.training.changes import entries
from tandemclip.core.training.config import Config, read
from tandemclip.core.whole_file import whole_file

SAVE = 10  # minutes
FILE = "cell.json"  # what the cell was started with, and the code that worked on it


@dataclass(frozen=True)
class Plan:
    """What all cells have in common.

    views, minutes: how many image views, or how long, each run is; neither: as configured. device: where the engine
    computes; no result depends on it, beyond rounding.
    """

    out: Path
    backend: str = "torch"
    overrides: tuple[str, ...] = ()
    views: int | None = None
    minutes: float | None = None
    device: str | None = None


@dataclass(frozen=True)
class Result:
    """A finished cell. minutes: of training, evaluation and start-up left out. code: versions that worked on it."""

    metrics: dict[str, Statistic]
    steps: int
    views: int
    minutes: float
    code: list[str]


@dataclass(frozen=True)
class Cell:
    plan: Plan
    file: Path
    seed: int

    @property
    def name(self) -> str:
        return self.file.stem

    @property
    def folder(self) -> Path:
        return self.plan.out / f"{self.name}_{self.seed}"

    @cached_property
    def overrides(self) -> tuple[str, ...]:
        """A checkpoint now and then, so that little is lost; those of the plan; the seed; the steps that make up its
        views.
        """
        given = (f"training.checkpoint_minutes={SAVE}", *self.plan.overrides, f"training.seed={self.seed}")
        if self.plan.views is None:
            return given
        a_step = read(self.file, parse_overrides(given))[0].views_a_step
        steps = self.plan.views // a_step
        if not steps:
            raise UserError(
                f"--views {self.plan.views} is less than the {a_step} of one step of {self.file}; give more"
            )
        return (*given, f"training.steps={steps}", "training.epochs=null")

    @cached_property
    def _read(self) -> tuple[Config, dict]:
        return read(self.file, parse_overrides(self.overrides))

    @property
    def config(self) -> Config:
        return self._read[0]

    @cached_property
    def settings(self) -> dict:
        """All that decides the result."""
        settings = {"config": self._read[1], "backend": self.plan.backend, "minutes": self.plan.minutes}
        return json.loads(json.dumps(settings))

    def arguments(self) -> list[str]:
        """Of tools/train.py, to begin the cell or to go on with it."""
        given = ["--config", self.file, "--out", self.folder, "--backend", self.plan.backend, "--resume"]
        given += ["--device", self.plan.device] if self.plan.device else []
        given += ["--set", *self.overrides]
        # once there is a checkpoint, it knows how many steps the minutes were
        if self.plan.minutes is not None and checkpoint.latest(self.folder, warn=lambda _: None) is None:
            given += ["--minutes", self.plan.minutes]
        return [str(argument) for argument in given]

    def check(self) -> None:
        """Raises UserError where the folder holds a run of other settings."""
        if not (self.folder / FILE).exists():
            if self.folder.exists() and any(self.folder.iterdir()):
                raise UserError(f"{self.folder} holds something that no comparison put there; choose another --out")
            return
        was, wanted = (dict(entries(settings)) for settings in (self._started()["settings"], self.settings))
        for key in {**was, **wanted}:
            if was.get(key) != wanted.get(key):
                raise UserError(
                    f"{self.folder} was started with {'.'.join(key)} = {was.get(key)!r} and is wanted with "
                    f"{wanted.get(key)!r}; "
                    "compare with the same settings, or choose another --out"
                )

    def start(self) -> None:
        """Write down what is about to work on it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        before = self._started()["code"] if (self.folder / FILE).exists() else []
        written = {"settings": self.settings, "code": list(dict.fromkeys([*before, code()]))}
        with whole_file(self.folder / FILE) as file:
            file.write(json.dumps(written, indent=1).encode() + b"\n")

    def _started(self) -> dict:
        return json.loads((self.folder / FILE).read_text())

    def result(self) -> Result | None:
        """None while it is not finished."""
        try:
            steps = json.loads((self.folder / "metrics.json").read_text())["step"]  # the last file that a run writes
        except (OSError, ValueError):
            return None
        minutes = sum(row["step_seconds"] for row in journal.read(self.folder)) / 60
        found = statistics_file.load(self.folder / "hits.safetensors")
        return Result(found, steps, steps * self.config.views_a_step, minutes, self._started()["code"])


def cells(plan: Plan, files: list[Path], seeds: list[int]) -> list[Cell]:
    """Seed by seed, so that what is finished can be compared.

    Raises UserError where they cannot be, before anything runs.
    """
    for what, values in (("config", [file.stem for file in files]), ("seed", seeds)):
        twice = [value for value, count in Counter(values).items() if count > 1]
        if twice:
            raise UserError(f"the {what} {twice[0]!r} is given twice; each needs a name of its own")
    if plan.minutes is not None and {"steps", "epochs"} & set(parse_overrides(plan.overrides).get("training", {})):
        raise UserError("--minutes and --set training.steps or training.epochs both say how long; give one of them")
    planned = [Cell(plan, file, seed) for seed in seeds for file in files]
    evaluated = planned[0].config.data.evaluate
    for cell in planned:
        if cell.config.data.evaluate is None:
            raise UserError(f"{cell.file} names no evaluation data; add data.evaluate or --set data.evaluate=...")
        if cell.config.data.evaluate != evaluated:
            raise UserError(
                f"{files[0]} and {cell.file} are evaluated on different data; --set data.evaluate={{...}} for both"
            )
        cell.check()
    return planned


def code() -> str:
    """The package's version and, in a checkout, the commit ("-dirty" where files differ from it)."""
    root = Path(tandemclip.__file__).parent
    if not (root / ".git").exists() or not shutil.which("git"):
        return tandemclip.__version__
    described = subprocess.run(["git", "-C", root, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return f"{tandemclip.__version__} {described.stdout.strip()}".strip()
