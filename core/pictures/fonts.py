"""Fonts for texts in any script: matplotlib's own has no Chinese, and draws a box for each sign that it lacks."""

from collections.abc import Iterable
from functools import cache

from matplotlib.font_manager import fontManager, get_font

OWN = "DejaVu Sans"  # lies in matplotlib's package, on every machine
BOXES = "Last Resort"  # fonts that have a box for every sign there is
NORMAL = 400  # the weight of what is neither light nor bold


def families(texts: Iterable[str]) -> tuple[list[str], str]:
    """-> the families to draw these texts by, matplotlib's own first, and the signs that no font here has."""
    missing = {sign for text in texts for sign in text if not sign.isspace()} - _signs(fontManager.findfont(OWN))
    found = [OWN]
    for font in fontManager.ttflist if missing else ():
        if font.style != "normal" or font.weight != NORMAL or font.name.startswith(BOXES):
            continue
        if has := missing & _signs(font.fname):
            found.append(font.name)
            missing -= has
        if not missing:
            break
    return found, "".join(sorted(missing))


@cache
def _signs(path: str) -> frozenset[str]:
    return frozenset(map(chr, get_font(path).get_charmap()))
