"""The engines, found by the name of their folder."""

import importlib
from pathlib import Path

from tandemclip.core.config.import_path import import_class
from tandemclip.core.errors import UserError


def names() -> list[str]:
    """Engines that train: every folder here that has an engine.py."""
    return sorted(p.parent.name for p in Path(__file__).parent.glob("*/engine.py"))


def load(name: str):
    """The class of an engine: a folder's name, or "package.module:Class" for one from elsewhere.

    Raises UserError for a name or a package that is not there.
    """
    if ":" in name:
        return import_class(name, "the backend")
    if name not in names():
        raise UserError(f"no backend {name!r}; the backends are {', '.join(names())}: choose one with --backend")
    try:
        return importlib.import_module(f"tandemclip.backends.{name}.engine").Engine
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("tandemclip"):
            raise
        raise UserError(
            f"backend {name} needs the package {error.name}, which is not installed: pip install -c constraints.txt "
            f"'tandemclip[{name}]'"
        ) from error
