"""The configurations that ship, found by their names: of runs, of detectors, and of what models are evaluated on."""

import difflib
from pathlib import Path

from tandemclip.core.errors import UserError

FOLDER = Path(__file__).resolve().parents[2] / "configs"
PARTS = "base"  # a folder of what others are made of
EVALUATE, SETS = "evaluate", "sets"  # evaluate/*.yaml are suites, evaluate/sets/*.yaml the data sets that they name


def config(given: str) -> Path:
    """A YAML file of a run, or the name of one that ships. Raises UserError for what is neither."""
    return _found(given, ".yaml", configs(), "config")


def detector(given: str) -> Path:
    """A file in mmdet's style, or the name of one that ships. Raises UserError for what is neither."""
    return _found(given, ".py", configs(".py"), "config")


def data_set(given: str) -> Path:
    """A YAML file of a data set, or the name of one that ships. Raises UserError for what is neither."""
    return _found(given, ".yaml", data_sets(), "data set")


def suite(given: str) -> Path:
    """A YAML file of a suite, or the name of one that ships. Raises UserError for what is neither."""
    return _found(given, ".yaml", suites(), "suite")


def configs(suffix: str = ".yaml") -> dict[str, Path]:
    """{"pretrain/scenes_clip": its file} of runs or detectors, sorted."""
    found = {path.relative_to(FOLDER).with_suffix(""): path for path in FOLDER.rglob(f"*{suffix}")}
    shown = {
        str(name): path
        for name, path in found.items()
        if PARTS not in name.parts and name.parts[0] != EVALUATE and name.name != "__init__"
    }
    return dict(sorted(shown.items()))


def data_sets() -> dict[str, Path]:
    """{"cifar10": its file}, sorted."""
    return {path.stem: path for path in sorted((FOLDER / EVALUATE / SETS).glob("*.yaml"))}


def suites() -> dict[str, Path]:
    """{"local": its file}, sorted."""
    return {path.stem: path for path in sorted((FOLDER / EVALUATE).glob("*.yaml"))}


def named(given: str, suffix: str) -> dict[str, Path]:
    """Those of `configs` that are called so, with or without folders before the name."""
    return _called(given, suffix, configs(suffix))


def _called(given: str, suffix: str, files: dict[str, Path]) -> dict[str, Path]:
    wanted = Path(given.removesuffix(suffix)).parts
    return {name: path for name, path in files.items() if wanted and Path(name).parts[-len(wanted) :] == wanted}


def _found(given: str, suffix: str, files: dict[str, Path], what: str) -> Path:
    path = Path(given)
    if path.exists() and not path.is_dir():  # a pipe is no file either
        return path
    found = _called(given, suffix, files)
    if len(found) > 1:
        raise UserError(f"{given} is the name of {len(found)} {what}s that ship: give one of {', '.join(found)}")
    if not found:
        hint = _hint(path, suffix, files, what)
        raise UserError(f"the {what} {given} is neither a file nor the name of one that ships: {hint}")
    return next(iter(found.values()))


def _hint(path: Path, suffix: str, files: dict[str, Path], what: str) -> str:
    names = {Path(name).name.lower(): Path(name).name for name in files}
    near = difflib.get_close_matches(path.name.lower().removesuffix(suffix), names, 1)
    return f"did you mean {names[near[0]]}?" if near else f"tandemclip list {what.split()[-1]}s has their names"
