"""The engines, found by the name of their folder, which is also their package's."""

import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path

from tandemclip.core.config.import_path import import_class
from tandemclip.core.console.versions import how_to_install, installed
from tandemclip.core.errors import UserError

FIRST = "torch"  # where several are installed: it has kernels for every machine


def names() -> list[str]:
    """Engines that train: every folder here that has an engine.py."""
    return sorted(path.parent.name for path in Path(__file__).parent.glob("*/engine.py"))


def _preferred() -> list[str]:
    return sorted(names(), key=lambda name: name != FIRST)


def default() -> str | None:
    """The engine to take where none is named: the first whose package is there, without importing it."""
    return next((name for name in _preferred() if importlib.util.find_spec(name)), None)


def load(name: str | None, device: str | None = None, log: Path | None = None):
    """The class of an engine: a folder's name, or "package.module:Class" for one from elsewhere.

    device: what this process computes on from now on, e.g. "cpu", "cuda:1", "npu"; None: what the engine takes by
    itself. log: a run's folder, for what the engine itself prints.
    Raises UserError for a name, a package or a device that is not there.
    """
    if name is None:
        wanted = " or ".join(how_to_install(each) for each in _preferred())
        raise UserError(f"no engine is installed, and one is needed: {wanted}")
    if _is_foreign(name):
        if device is not None:
            raise UserError(f"--device {device} is for the engines {', '.join(names())}; {name} chooses by itself")
        return import_class(name, "the backend")
    if name not in names():
        raise UserError(f"no backend {name!r}; the backends are {', '.join(names())}: choose one with --backend")
    try:
        _devices(name).use(device, log)
        return importlib.import_module(f"{__name__}.{name}.engine").Engine
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("tandemclip"):
            raise
        raise UserError(
            f"backend {name} needs the package {error.name}, which is not installed: {how_to_install(name)}"
        ) from error


def load_all(say: Callable[[str], None]) -> dict[str, type]:
    """Every engine that is installed, the preferred one first. say: gets a sentence for each that is not.

    Raises UserError where there is none.
    """
    found = {}
    for name in _preferred():
        try:
            found[name] = load(name)
        except UserError as error:
            say(f"{name} is left out: {error}")
    return found if found else load(None)


def about(name: str) -> str:
    """An engine that was loaded: its version and its device, for the first line of a run."""
    if _is_foreign(name):
        return name
    return f"{' '.join(filter(None, (name, installed(name))))} on {_devices(name).used()}"


def devices(name: str) -> list[str]:
    """What an engine finds on this machine."""
    return _devices(name).devices()


def peak_memory(name: str) -> int | None:
    """Bytes of a device's own memory that this process's tensors took at most, which is less than the device needs;
    None on a CPU, and for an engine from elsewhere.
    """
    return None if _is_foreign(name) else _devices(name).peak_memory()


def _devices(name):
    return importlib.import_module(f"{__name__}.{name}.devices")


def _is_foreign(name: str) -> bool:
    return isinstance(name, str) and ":" in name
