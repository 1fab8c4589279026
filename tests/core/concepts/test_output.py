"""What a person gets of a concept analysis."""

import json
import re
from collections import Counter

import cv2
import numpy as np
import pytest

from tandemclip.core.concepts import by_rule, output
from tandemclip.core.concepts.long_tail import long_tail
from tandemclip.core.concepts.pool import Pool
from tandemclip.core.concepts.report import markdown, summarize
from tandemclip.core.errors import UserError
from tandemclip.core.pictures.page import save

ONE = Pool("one", 40, 30, 2, Counter({"dog": 20, "red|dog": 8, "cat": 3}), Counter(), ())
TWO = Pool("two", None, 10, 0, Counter({"cat": 9}), Counter(), ())
LISTS = {"pets": ["dog", "cat", "cow"]}


def report(pools=(ONE, TWO), lists=LISTS):
    return summarize(pools, lists, 10, by_rule.finder(), "the command")


def test_the_mapping_says_all():
    found = json.loads(json.dumps(report()))
    assert found["phrases_by"] == "a rule of words" and found["more_than"] == 5 and found["command"] == "the command"
    assert found["data"]["one"] == {
        "images": 40, "captions": 30, "without_phrase": 2, "phrases": 3, "classes": 0, "concepts": 2, "vocabulary": 2,
        "most_frequent": {"dog": 20, "red|dog": 8}, "accounts": [],
    }  # fmt: skip
    assert found["coverage"]["pets"]["two"] == {
        "percent": pytest.approx(100 / 3), "percent_mentioned": pytest.approx(100 / 3),
        "counts": {"dog": 0, "cat": 9, "cow": 0}, "mentions": {"dog": 0, "cat": 9, "cow": 0},
    }  # fmt: skip
    assert found["overlap"]["percent"]["one"]["two"] == 0


def cells(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_the_tables():
    text = markdown(report())
    rows = [cells(line) for line in text.splitlines() if line.startswith("| ")]
    assert {len(row) for row in rows} == {7, 3}
    assert ["one", "40", "30", "2", "2", "20.0", "dog, red\\|dog"] in rows
    assert ["two", "", "10", "1", "1", "", "cat"] in rows
    assert ["pets (3)", "33.3%, 66.7%", "33.3%, 33.3%"] in rows
    assert "pets, no concept of one: cat, cow" in text and "pets, no concept of two: dog, cow" in text
    alone = markdown(report((ONE,), {}))
    assert "among the column's" not in alone and "Of the classes" not in alone


def test_of_many_missing_classes_some_are_named():
    lists = {"many": [f"thing {i}x" for i in range(14)], "one": ["dog"]}
    text = markdown(report((ONE,), lists))
    assert "thing 9x and 4 more" in text and "one, no concept of one: none is missing" in text


def drawn(pools, tmp_path):
    save(long_tail(pools), tmp_path / "a.png")
    return (tmp_path / "a.png").read_bytes()


def test_the_picture_is_the_same_every_time(tmp_path):
    first = drawn([ONE, TWO], tmp_path)
    assert first == drawn([ONE, TWO], tmp_path) != drawn([TWO], tmp_path)
    pixels = cv2.imdecode(np.frombuffer(first, np.uint8), cv2.IMREAD_COLOR)
    assert pixels.shape == (600, 1000, 3) and (pixels < 128).any()


def test_the_lines_are_the_counts_by_rank():
    axes = long_tail([TWO, ONE]).axes[0]
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    lines = dict(zip(names, (list(zip(*line.get_data())) for line in axes.lines)))
    assert lines["one (2 concepts)"] == [(1, 20), (2, 8)] and lines["two (1 concepts)"] == [(1, 9)]
    assert [(text.get_text(), text.xy) for text in axes.texts] == [("dog", (1, 20))]  # of the one that has most


def test_a_data_set_without_a_concept_has_a_picture_too(tmp_path):
    assert drawn([Pool("none", 1, 1, 1, Counter({"a": 1}), Counter(), ())], tmp_path).startswith(b"\x89PNG")


def test_files_are_written_and_concepts_read_back(tmp_path):
    output.write(tmp_path / "new", report(), [ONE, TWO])
    assert {path.name for path in (tmp_path / "new").iterdir()} == {
        "concepts.json", "concepts.md", "long_tail.png", "one.tsv", "two.tsv",
    }  # fmt: skip
    assert (tmp_path / "new" / "one.tsv").read_text() == "dog\t20\nred|dog\t8\n"
    assert output.read_concepts(tmp_path / "new" / "one.tsv") == ["dog", "red|dog"]
    output.write(tmp_path / "new", report(), [TWO, ONE])  # once more


def test_the_report_is_legible_in_any_script(tmp_path):
    output.write(tmp_path, report(lists={"猫": ["cat"]}), [ONE, TWO])
    assert '"猫"' in (tmp_path / output.REPORT).read_text(encoding="utf-8")


def test_concepts_of_a_list_of_ones_own(tmp_path):
    (tmp_path / "mine.txt").write_text("dog\n\n cat \ndog\n")
    assert output.read_concepts(tmp_path / "mine.txt") == ["dog", "cat"]


@pytest.mark.parametrize("content", [None, b"\n", b"\xff\n"])
def test_a_list_without_concepts_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "mine.txt").write_bytes(content)
    with pytest.raises(UserError, match="mine.txt"):
        output.read_concepts(tmp_path / "mine.txt")
