"""Fonts for texts in any script: matplotlib's own has no Chinese, and draws a box for each sign that it lacks."""

import logging
from collections.abc import Iterable
from contextlib import contextmanager
from functools import cache

from matplotlib.font_manager import FontProperties, fontManager, get_font, weight_dict

OWN = "DejaVu Sans"  # lies in matplotlib's package, on every machine
BOXES = "Last Resort"  # fonts that have a box for every sign there is
NORMAL = 400  # the weight of what is neither light nor bold


def families(texts: Iterable[str]) -> tuple[list[str], str]:
    """-> the families to draw these texts by, matplotlib's own first, and the signs that no font here has."""
    missing = {sign for text in texts for sign in text if not sign.isspace()} - _signs(_file(OWN))
    found = [OWN]
    for name in _others() if missing else ():
        if has := missing & _signs(_file(name)):
            found.append(name)
            missing -= has
        if not missing:
            break
    return found, "".join(sorted(missing))


def _others() -> list[str]:
    """The families here, those first that have a face that is neither light nor bold."""
    off = sorted((abs(_weight(font.weight) - NORMAL), font.name) for font in fontManager.ttflist)
    return [name for name in dict.fromkeys(name for _, name in off) if name != OWN and not name.startswith(BOXES)]


def _weight(weight: int | str) -> int:
    return weight_dict[weight] if isinstance(weight, str) else weight


def _file(family: str) -> str:
    """The one that matplotlib draws it by; "" where it is gone: the list of fonts is kept on disk."""
    try:
        with _silent():
            return fontManager.findfont(FontProperties(family=[family]), fallback_to_default=False)
    except (OSError, ValueError):
        return ""


@cache
def _signs(path: str) -> frozenset[str]:
    try:
        return frozenset(map(chr, get_font(path).get_charmap())) if path else frozenset()
    except (OSError, RuntimeError):  # no font, or none that FreeType can read
        return frozenset()


@contextmanager
def _silent():
    """matplotlib warns of a family that has no face of normal weight, which is drawn all the same."""
    logger = logging.getLogger("matplotlib.font_manager")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
