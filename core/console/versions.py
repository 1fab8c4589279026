"""What is installed, for checkpoints and reports, and what would have to be."""

import configparser
import re
import shlex
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import tandemclip


def installed(package: str) -> str | None:
    """Its version; None for what was not installed as a package (an engine of one's own)."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def how_to_install(extra: str) -> str:
    """The command for what `extra` of our own package stands for, e.g. "pip install 'torch>=2.13'".

    By the packages' own names: no index need have ours.
    """
    return f"pip install {shlex.join(_needed(extra))}"


def _needed(extra: str) -> list[str]:
    """Of the checkout's setup.cfg, because an editable install may be older than that; of the wheel's metadata."""
    checkout = Path(tandemclip.__file__).with_name("setup.cfg")
    if checkout.is_file():
        settings = configparser.ConfigParser()
        settings.read(checkout)
        return settings["options.extras_require"][extra].split()
    wanted = re.compile(rf"([^;]+?)\s*;\s*extra == ['\"]{extra}['\"]")
    return [match[1] for match in map(wanted.fullmatch, requires("tandemclip") or ()) if match]
