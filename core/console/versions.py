"""What is installed, for checkpoints and reports, and what would have to be."""

import re
import shlex
from importlib.metadata import PackageNotFoundError, requires, version


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
    try:
        needed = [
            re.fullmatch(rf"([^;]+?)\s*;\s*extra == ['\"]{extra}['\"]", each) for each in requires("tandemclip") or ()
        ]
    except PackageNotFoundError:  # a checkout that is on the path and no more
        needed = []
    return f"pip install {shlex.join([match[1] for match in needed if match] or [extra])}"
