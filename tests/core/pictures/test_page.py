"""Names that people give are drawn as they stand, whatever matplotlib would read into them."""

import re
import warnings

import numpy as np
import pytest
from matplotlib.font_manager import FontEntry, fontManager

from tandemclip.core.concepts.long_tail import long_tail
from tandemclip.core.concepts.pool import Pool
from tandemclip.core.pictures.concept_page import concept_page
from tandemclip.core.pictures.curves import Curve, curves
from tandemclip.core.pictures.fonts import OWN, families
from tandemclip.core.pictures.heatmaps import Row, heatmaps
from tandemclip.core.pictures.history import History
from tandemclip.core.pictures.nearest_concepts import Near
from tandemclip.core.pictures.page import bare, page, plain, save
from tandemclip.core.pictures.tokens import Matched, Pair
from tandemclip.core.pictures.tokens import drawn as tokens
from tandemclip.core.pictures.tsne import Plane
from tandemclip.core.pictures.tsne import drawn as tsne

ODD = ("_x$_{$ y", "_5$")  # a formula that is none, and what legends leave out
PIXELS = np.zeros((4, 4, 3), np.uint8)
STEPS = np.array([1, 2])


def of_curves():
    found = [History(name, STEPS, STEPS / 2, {ODD[0]: (STEPS, STEPS)}, {}) for name in ODD]
    return curves([Curve(each, 1) for each in found], 0, [ODD[0]], "steps")


def of_concepts():
    return concept_page([(ODD[0], None), (ODD[0], PIXELS)], [[Near(ODD[0], 0.5, np.arange(1), PIXELS[None])]] * 2)


FIGURES = {
    "curves": of_curves,
    "concepts": of_concepts,
    "tsne": lambda: tsne(Plane(np.eye(3, 2), np.array([0, 1, 1]), None, ODD, 0)),
    "tokens": lambda: tokens([Matched(ODD[0], PIXELS, 2, (Pair(0, ODD[0], 0, 0, 0.5),))]),
    "heatmaps": lambda: heatmaps([Row(ODD[0], PIXELS[None], None, (ODD[0],))]),
    "long tail": lambda: long_tail([Pool(name, 2, 2, 0, {ODD[0]: 9}, {}, ()) for name in ODD]),
}


@pytest.mark.parametrize("name", FIGURES)
def test_odd_names_are_drawn(tmp_path, name):
    save(FIGURES[name](), tmp_path / "a.png")


LONG = "a car in the middle distance, and some other things far behind it"  # a class's name, or a query


@pytest.mark.filterwarnings("error")  # matplotlib warns where a text leaves no place for the axes
@pytest.mark.parametrize(
    "name, times", [*((name, 1) for name in FIGURES), *((name, 60) for name in ("curves", "concepts", "heatmaps"))]
)
def test_a_long_name_leaves_place_for_the_picture(tmp_path, monkeypatch, name, times):
    monkeypatch.setitem(globals(), "ODD", (times * LONG, f"{times * LONG}_2"))
    save(FIGURES[name](), tmp_path / "a.png")


# ------------------------------------------------------------------ other scripts
@pytest.fixture
def with_fonts(monkeypatch):
    """Only these families, of those that lie in matplotlib's package, are installed."""

    def set_to(*names):
        entries = [font for font in fontManager.ttflist if font.name in names and "mpl-data" in font.fname]
        assert {font.name for font in entries} == set(names)
        monkeypatch.setattr(fontManager, "ttflist", entries)

    return set_to


STIX = "\u29a3"  # of a font that lies there too, and not in matplotlib's own


def test_a_sign_is_drawn_by_a_font_that_has_it(tmp_path, with_fonts):
    with_fonts(OWN, "STIXGeneral", "cmr10")
    assert families(["plain", f"a {STIX}"]) == ([OWN, "STIXGeneral"], "")
    assert families(["plain"]) == ([OWN], "")
    figure = page(1, 1)
    bare(figure.subplots(), STIX)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save(figure, tmp_path / "a.png")
    drawn = (tmp_path / "a.png").read_bytes()
    with_fonts(OWN)
    with pytest.warns(UserWarning):
        save(figure, tmp_path / "b.png")
    assert drawn != (tmp_path / "b.png").read_bytes()  # a box


def test_a_font_that_is_gone_is_passed_over(tmp_path, with_fonts):
    """matplotlib keeps its list of fonts on disk."""
    with_fonts(OWN, "STIXGeneral")
    (tmp_path / "A broken.ttf").write_bytes(b"no font")
    gone = [FontEntry(fname=str(tmp_path / f"{name}.ttf"), name=name, weight=400) for name in ("A gone", "A broken")]
    fontManager.ttflist[:0] = gone
    assert families([STIX]) == ([OWN, "STIXGeneral"], "")


def test_signs_that_no_font_has_are_told_once(tmp_path, with_fonts):
    with_fonts(OWN)
    figure = page(1, 1)
    bare(figure.subplots(), "一只猫, a cat")
    with pytest.warns(UserWarning) as told:
        save(figure, tmp_path / "a.png")
    assert len(told) == 1 and (tmp_path / "a.png").is_file()
    assert re.search(r"a.png has boxes for 3 signs .* such as '一'; install .*fontlist", str(told[0].message))


@pytest.mark.parametrize("name", ["curves", "tsne", "long tail"])
def test_a_legend_leaves_no_name_out(name):
    figure = FIGURES[name]()
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
    assert [text.get_text().partition(" (")[0] for text in legends[0].get_texts()] == [plain(name) for name in ODD]
