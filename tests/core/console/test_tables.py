"""No figure of a table is ever cut."""

import io

import pytest
from rich.console import Console
from rich.text import Text

from tandemclip.core.console import tables

ROWS = [
    (
        "tiny_lightclip_mobilenet, a phase",
        "8.6e-08",
        "12,345,678",
        Text("first out: image.blocks.0.feed_forward.shrink"),
    )
]


COLUMNS = ("of", "an error", "a number", "")


def shown(width, rows=ROWS, columns=COLUMNS):
    console = Console(file=io.StringIO(), width=width, highlight=False)
    tables.show(console, columns, rows, texts=[0, len(columns) - 1])
    assert console.width == width
    return console.file.getvalue()


@pytest.mark.parametrize("width", [1, 20, 40, 80, 200])
def test_figures_are_whole_at_any_width(width):
    text = shown(width)
    assert "8.6e-08" in text and "12,345,678" in text and "…" not in text
    letters = lambda text: sorted(text.replace(" ", "").replace("\n", ""))
    assert letters(text) == letters("of an error a number" + "".join(map(str, ROWS[0])))  # nothing else is lost either


def test_texts_are_folded_before_lines_get_longer_than_the_terminal():
    assert max(map(len, shown(80).splitlines())) <= 80
    assert len(shown(200).splitlines()) == 2


def test_brackets_are_text():
    assert "[red]a[/b]" in shown(80, [("[red]a[/b]", "1", "2", "[x]")])


def test_a_table_without_rows_is_its_head():
    assert shown(80, []).split() == ["of", "an", "error", "a", "number"]


def test_names_keep_their_words_where_there_is_room():
    """As the doctor's, beside five figures."""
    rows = [("tiny_lightclip_mobilenet, importance", *("8.6e-08",) * 4, "agrees")]
    text = shown(80, rows, ("one step of", "ready", "terms", "gradient", "update", ""))
    assert "tiny_lightclip_mobilenet," in text and "agrees" in text and max(map(len, text.splitlines())) <= 80


def test_a_short_text_is_not_made_wide():
    assert shown(10, [("ab", "1.5e-05", "123,456", "agrees")]).splitlines()[1] == "ab   1.5e-05   123,456  agrees"
