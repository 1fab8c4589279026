"""`tools/compare.py` for real: two configurations, two seeds, a kill in the middle, and again."""

import json
import subprocess
import sys
import time

import pytest

from tandemclip.core.training import checkpoint, journal
from tandemclip.tools import compare

CELLS = ("short_0", "long_0", "short_1", "long_1")


@pytest.fixture(scope="module")
def place(root, tmp_path_factory):
    """Two configurations and the arguments that compare them."""
    folder = tmp_path_factory.mktemp("compare")
    base = root / "configs" / "pretrain" / "tiny_clip_vit.yaml"
    for name, steps in (("short", 5), ("long", 200)):
        text = f"base: {base}\nmethod: {{text: {{vocab_size: 30}}}}\ndata: {{tokenizer: {{vocab_size: 30}}}}\n"
        (folder / f"{name}.yaml").write_text(f"{text}training: {{steps: {steps}}}\n")
    return folder


def arguments(place, *more):
    files = [place / "short.yaml", place / "long.yaml"]
    return [
        *map(str, ["--configs", *files, "--seeds", 0, 1, "--out", place / "out", "--set", "data.train.count=40", *more])
    ]


@pytest.fixture(scope="module")
def interrupted(place, root):
    """Ended while the second cell was training -> exit code, what stood in the folder then."""
    process = subprocess.Popen(
        [sys.executable, root / "tools" / "compare.py", *arguments(place)], stderr=subprocess.PIPE
    )
    out = place / "out"
    while not journal.read(out / "long_0"):
        assert process.poll() is None
        time.sleep(0.05)
    process.terminate()
    error = process.communicate(timeout=60)[1].decode()
    return process.returncode, error, journal.read(out / "long_0"), times(out)


@pytest.fixture(scope="module")
def finished(place, interrupted):
    assert compare.main(arguments(place)) == 0
    return place / "out"


def times(out):
    return {p.relative_to(out): p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file() and p.parent != out}


def test_the_end_of_a_comparison_leaves_a_checkpoint(interrupted):
    code, error, rows, before = interrupted
    assert code == 130 and error == "interrupted\n"
    assert 0 < len(rows) < 200 and not [path for path in before if path.parts[0] in CELLS[2:]]


def test_it_goes_on_where_it_was(interrupted, finished):
    _, _, rows, before = interrupted
    after = times(finished)
    assert {path: after[path] for path in before if path.parts[0] == "short_0"} == {
        path: when for path, when in before.items() if path.parts[0] == "short_0"
    }
    again = journal.read(finished / "long_0")
    assert again[: len(rows)] == rows and [row["step"] for row in again] == list(range(1, 201))
    saved = checkpoint.load(checkpoint.latest(finished / "long_1")).state["config"]["training"]
    assert (saved["seed"], saved["steps"]) == (1, 200)


def test_the_table_says_what_the_runs_said(finished):
    table = json.loads((finished / "table.json").read_text())
    for metric in ("zero_shot/digit", "zero_shot/color"):
        for name in ("short", "long"):
            row = table["metrics"][metric][name]
            said = [json.loads((finished / f"{name}_{seed}" / "metrics.json").read_text())[metric] for seed in (0, 1)]
            assert row["figures"] == pytest.approx(said, abs=1e-9) and row["mean"] == pytest.approx(sum(said) / 2)
            assert f"| {name} | {said[0]:.2f} | {said[1]:.2f} |" in (finished / "table.md").read_text()
    assert table["configs"]["long"]["views"] == [1600, 1600] and table["configs"]["short"]["steps"] == [5, 5]
    assert table["metrics"]["zero_shot/color"]["long"]["difference"]["low"] < 100


def test_what_is_finished_is_not_run_again(place, finished, capsys):
    before, table = times(finished), (finished / "table.json").read_text()
    assert compare.main(arguments(place)) == 0
    assert times(finished) == before and (finished / "table.json").read_text() == table
    assert capsys.readouterr().out.endswith((finished / "table.md").read_text() + "\n")
    assert compare.main(arguments(place, "--metric", "zero_shot/digit+zero_shot/color")) == 0
    assert "| mean of zero_shot/digit and zero_shot/color, % |" in (finished / "table.md").read_text()
    assert times(finished) == before


@pytest.mark.parametrize(
    "more, words",
    [
        (["training.learning_rate=1"], "short_0 was started with config.training.learning_rate = 0.001"),
        (["training.steps=2", "--metric", "t2i/R@10"], "config.training.steps = 5"),
        (["--metric", "t2i/R@10"], "no metric 't2i/R@10'"),
        (["--views", "800"], "config.training.steps = 5 and is wanted with 100"),
        (["method.image.wdth=3"], "'wdth'"),
    ],
)
def test_a_mistake_is_one_line(place, finished, capsys, more, words):
    before = times(finished)
    assert compare.main(arguments(place, *more)) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ") and printed.count("\n") == 1 and words in printed
    assert times(finished) == before


def test_a_run_that_fails_does_not_stop_the_others(place, tmp_path, capsys):
    given = ["--configs", place / "short.yaml", "--out", tmp_path, "--seeds", 0, 1, "--backend", "tensorflow"]
    assert compare.main([*map(str, given)]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: 2 of 2 cells failed, first") and "no backend 'tensorflow'" in printed.err
    assert "short, seed 1: failed: error: no backend" in printed.out
    assert "no backend" in (tmp_path / "short_1" / "train.log").read_text()
