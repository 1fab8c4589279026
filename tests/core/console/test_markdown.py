"""Markdown in which names are seen as they are written."""

import re

from tandemclip.core.console.markdown import plain, table

ODD = 'a|b <b>c</b>\n"d"'


def test_a_table_keeps_its_columns_and_no_cell_begins_a_tag():
    lines = table(["name", ODD], [[ODD, "1"], ["", "2"]]).split("\n")
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    written = 'a\\|b \\<b>c\\</b> "d"'
    assert cells == [["name", written], ["---", "---"], [written, "1"], ["", "2"]]


def test_a_text_stays_in_its_line():
    assert plain(ODD) == 'a|b \\<b>c\\</b> "d"' and plain("") == "" and plain("5 > 4") == "5 > 4"


def test_signs_of_markdown_are_seen_as_they_are():
    assert plain("*a* `b` c\\<d") == "\\*a\\* \\`b\\` c\\\\\\<d"
