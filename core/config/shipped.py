"""The configurations that ship, found by their names."""

import difflib
from pathlib import Path

from tandemclip.core.errors import UserError

FOLDER = Path(__file__).resolve().parents[2] / "configs"
PARTS = "base"  # a folder of what others are made of


def config(given: str) -> Path:
    """A YAML file, or the name of one that ships. Raises UserError for what is neither."""
    return _found(given, ".yaml")


def detector(given: str) -> Path:
    """A file in mmdet's style, or the name of one that ships. Raises UserError for what is neither."""
    return _found(given, ".py")


def configs(suffix: str = ".yaml") -> dict[str, Path]:
    """{"pretrain/scenes_clip": its file}, sorted."""
    found = {path.relative_to(FOLDER).with_suffix(""): path for path in FOLDER.rglob(f"*{suffix}")}
    shown = {str(name): path for name, path in found.items() if PARTS not in name.parts and name.name != "__init__"}
    return dict(sorted(shown.items()))


def named(given: str, suffix: str) -> dict[str, Path]:
    """Those of `configs` that are called so, with or without folders before the name."""
    wanted = Path(given.removesuffix(suffix)).parts
    return {
        name: path for name, path in configs(suffix).items() if wanted and Path(name).parts[-len(wanted) :] == wanted
    }


def _found(given: str, suffix: str) -> Path:
    path = Path(given)
    if path.exists() and not path.is_dir():  # a pipe is no file either
        return path
    found = named(given, suffix)
    if len(found) > 1:
        raise UserError(f"{given} is the name of {len(found)} configs that ship: give one of {', '.join(found)}")
    if not found:
        raise UserError(f"the config {given} is neither a file nor the name of one that ships: {_hint(path, suffix)}")
    return next(iter(found.values()))


def _hint(path: Path, suffix: str) -> str:
    names = {Path(name).name for name in configs(suffix)}
    near = difflib.get_close_matches(path.name.removesuffix(suffix), names, 1)
    return f"did you mean {near[0]}?" if near else "tandemclip list configs has their names"
