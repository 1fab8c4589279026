"""Beside a script of somebody else's: what it says, what our journal says, and the ratio of the two."""

import pytest

from tandemclip.core.benchmark import reference
from tandemclip.core.errors import UserError

SCRIPT = """
import argparse, json, sys
parser = argparse.ArgumentParser()
for name in ("--data", "--tower", "--views"):
    parser.add_argument(name, required=True)
parser.add_argument("--no-eval", action="store_true", required=True)
given = parser.parse_args()
print("step 0 loss 4.8")
print(json.dumps({"tower": given.tower, "views": int(given.views), "views_per_second": 12.5, "data": given.data}))
print("a warning that comes last", file=sys.stderr)
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "reference.py"
    path.write_text(SCRIPT)
    return path


def test_what_it_says(script, tmp_path):
    assert reference.theirs(script, tmp_path, "vit", 256) == 12.5


@pytest.mark.parametrize("last", ["done", '{"views": 3}', '{"views_per_second": null}', "{", ""])
def test_a_script_that_says_something_else(script, tmp_path, last):
    script.write_text(f"print('''{last}''')")
    with pytest.raises(UserError, match="expected a line of JSON with views_per_second"):
        reference.theirs(script, tmp_path, "vit", 256)


def test_a_script_that_fails(script, tmp_path):
    script.write_text("raise SystemExit('no photos')")
    with pytest.raises(UserError, match="exit code 1: no photos"):
        reference.theirs(script, tmp_path, "vit", 256)


def test_the_rate_of_a_journal():
    """4 steps of 10 views in 1 + 3 x 2 seconds, but for half a second in which the workers started."""
    rows = [{"step_seconds": 1.0, "data_seconds": 0.5}, *({"step_seconds": 2.0, "data_seconds": 0.5} for _ in range(3))]
    assert reference.rate(rows, 10) == pytest.approx(40 / 6.5)


def test_both_for_real(script, root, tmp_path, monkeypatch):
    """A round of a tiny run: 5 steps of 8 views, as 43 views hold."""
    contest = reference.Contest("vit", root / "configs" / "pretrain" / "tiny_clip_vit.yaml", ("data.train.count=40",))
    done, steps, rate = [], [], reference.rate
    monkeypatch.setattr(reference, "rate", lambda rows, views: steps.append((len(rows), views)) or rate(rows, views))
    found = reference.measure(contest, "torch", script, tmp_path, 43, 1, lambda: done.append(1))
    assert found["reference"] == [12.5] and found["ours"][0] > 0 and len(done) == 1 and steps == [(5, 8)]


def test_fewer_views_than_a_step_has(root):
    contest = reference.Contest("vit", root / "configs" / "pretrain" / "tiny_clip_vit.yaml", ())
    with pytest.raises(UserError, match="--views is 7 and a step of tiny_clip_vit.yaml is 8"):
        reference.ours(contest, "torch", 7)


def test_ratios_are_of_rounds():
    found = {"vit": {"reference": [10.0, 20.0, 40.0], "ours": [11.0, 20.0, 50.0]}}
    section = reference.section(found, 1280)
    assert section.rows == (("vit", "20.0", "20.0", "1.10 [1.00, 1.25]"),)
    assert "1280 views" in section.note and "3 runs of each" in section.note
