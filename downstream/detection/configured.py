"""A detector's configuration: mmdet's file, and what the command line says beside it."""

import difflib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from mmengine.config import Config

from tandemclip.core.errors import UserError
from tandemclip.downstream.detection.mistakes import cannot_be_built, last_line

TOWERS = ("TandemBackbone", "TandemSharedHead")  # what begins from one of our checkpoints
SUCH_AS = "a file in mmdet's style, as `tandemclip show coco_sample_mask_rcnn` prints one"
MISSPELLED = 0.9  # difflib's measure: "max_iter" for "max_iters" has 0.94, "loss_mask" for "loss_bbox" 0.67


def read(path: Path, data: Path | None = None, init: Path | None = None, overrides: dict | None = None) -> Config:
    """data: the folder in place of the file's `data_root`. init: the checkpoint that the towers begin from.

    overrides: nested keys and values. Raises UserError for a file that is not there or is no detector's, and for what
    it has no place for.
    """
    if not path.is_file():
        raise UserError(f"--config {path} is not there: give {SUCH_AS}")
    config = _read(path)
    if data is not None:
        config = _moved(config, str(data), path)
    if init is not None:
        _begin_from(config, str(init), path)
    _refuse_unknown(overrides or {}, config, path)
    try:
        config.merge_from_dict(overrides or {}, allow_list_keys=True)
    except (KeyError, TypeError) as error:  # no such place in a list, and a key inside of what is no dict
        raise UserError(f"--set: {path} has no such place: {last_line(error)}") from error
    return config


def _read(path: Path) -> Config:
    try:
        config = Config.fromfile(path)
    except Exception as error:  # the file is a program, so that it can raise anything
        raise cannot_be_built(path, error) from error
    if not isinstance(config.get("model"), dict):
        raise UserError(f"--config {path} has no model=dict(...): it is no configuration of a detector; give {SUCH_AS}")
    return config


def _moved(config: Config, data: str, path: Path) -> Config:
    """Every path that begins with the file's `data_root`, wherever it stands."""
    if "data_root" not in config:
        raise UserError(f"--data {data}: {path} has no data_root that it could stand for: set the paths by --set")
    old = config.data_root.rstrip("/")

    def moved(text):
        inside = isinstance(text, str) and (text == old or text.startswith(f"{old}/"))
        return os.path.join(data, text[len(old) + 1 :]) if inside else text

    return Config(_mapped(config.to_dict(), moved), filename=config.filename)


def _mapped(value, change: Callable):
    """The same nesting of dicts, lists and tuples; `change` of everything else."""
    if isinstance(value, dict):
        return {key: _mapped(item, change) for key, item in value.items()}
    return type(value)(_mapped(item, change) for item in value) if isinstance(value, (list, tuple)) else change(value)


def _begin_from(config: Config, checkpoint: str, path: Path) -> None:
    towers = [part for part in parts(config.model) if part.get("type") in TOWERS]
    if not towers:
        raise UserError(
            f"--init {checkpoint}: the model of {path} has no {' or '.join(TOWERS)} that could begin from it"
        )
    for tower in towers:
        tower.update(tower=None, checkpoint=checkpoint)


def parts(value) -> Iterator[dict]:
    """Every dict within dicts, lists and tuples, and the value itself."""
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ():
        yield from parts(item)


def _refuse_unknown(overrides: dict, config: Config, path: Path) -> None:
    """mmengine takes any key, and nothing reads one that is misspelled."""
    for key in overrides:
        if key not in config:
            near = difflib.get_close_matches(key, list(config.keys()), 1, 0.4)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UserError(f"--set {key}: {path} has no such key{hint}")
        _refuse_misspelled(overrides[key], config[key], key, path)


def _refuse_misspelled(overrides, values, place: str, path: Path) -> None:
    """Further in, a key may be new (what a class takes besides), but not one letter away from one that is there."""
    if not isinstance(overrides, dict):
        return
    entries = values if isinstance(values, dict) else dict(enumerate(values)) if isinstance(values, list) else {}
    entries = {str(key): value for key, value in entries.items()}
    for key, value in overrides.items():
        near = [] if key in entries else difflib.get_close_matches(key, entries, 1, MISSPELLED)
        if near:
            raise UserError(f"--set {place}.{key}: {path} has no such key; did you mean {near[0]}?")
        _refuse_misspelled(value, entries.get(key), f"{place}.{key}", path)
