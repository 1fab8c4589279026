"""tools/concepts.py: from captions to tables, and what it refuses."""

import json

import pytest

from tandemclip.tools import concepts

CAPTIONS = "a black dog runs\n" * 6 + "\n" + "two cats in the snow\n" * 7


@pytest.fixture
def given(tmp_path):
    (tmp_path / "c.txt").write_text(CAPTIONS)
    (tmp_path / "pets.json").write_text('["cats", "horse"]')
    return [
        "--captions", f"mine={tmp_path / 'c.txt'}", "--classes", f"pets={tmp_path / 'pets.json'}",
        "--source", "drawn", "scenes", "size=32", "count=30", "seed=1", "--by", "rule", "--out", str(tmp_path / "out"),
    ]  # fmt: skip


def test_from_captions_to_tables(given, tmp_path, capsys):
    assert concepts.main(given) == 0
    shown = capsys.readouterr()
    assert "noun phrases by a rule of words" in shown.out
    assert "mine: c.txt: 13 of 14 lines read\n  passed over, blank (1: line 7)\n" in shown.out
    assert "mine: 13 captions, 0 of them without a noun phrase" in shown.out
    found = json.loads((tmp_path / "out" / "concepts.json").read_text())
    assert found["data"]["mine"]["most_frequent"] == {"cat": 7, "snow": 7, "black dog": 6}
    assert found["coverage"]["pets"]["mine"]["percent"] == 50 and found["data"]["drawn"]["images"] == 30
    before = (tmp_path / "out" / "mine.tsv").read_bytes()
    assert concepts.main(given) == 0 and (tmp_path / "out" / "mine.tsv").read_bytes() == before


@pytest.mark.parametrize(
    "more, words",
    [
        (["--captions", "mine=again.txt"], "--captions mine=again.txt: expected NAME=FILE, each name once"),
        (["--captions", "nameless"], "expected NAME=FILE"),
        (["--captions", "a/b=c.txt"], "expected NAME=FILE"),
        (["--source", "drawn", "scenes"], "--source drawn: give it once"),
        (["--source", "mine", "scenes"], "--source mine: give it once"),
        (["--source", "other"], "--source other: its source is missing"),
        (["--source", "other", "nothing"], "nothing"),
        (["--classes", "x=nowhere.json"], "nowhere.json"),
        (["--captions", "x=nowhere.txt"], "nowhere.txt"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(given, tmp_path, capsys, more, words):
    assert concepts.main([*given, *more]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and words in said and not (tmp_path / "out").exists()


def test_some_data_are_needed(tmp_path, capsys):
    assert concepts.main(["--out", str(tmp_path / "out")]) == 2
    assert "no data set is given" in capsys.readouterr().err
