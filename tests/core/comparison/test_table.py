"""The table from results whose figures are known."""

import json

import numpy as np
import pytest

from tandemclip.core.comparison import table
from tandemclip.core.comparison.cells import Plan, Result, cells
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.bootstrap import paired_interval
from tandemclip.core.hits import Hits
from tandemclip.core.scored import RocAuc

ASKED = np.ones(40, int)


def hits(right):
    return Hits(np.arange(40) < right, ASKED)


def result(digit, color, **more):
    given = {"steps": 10, "views": 80, "minutes": 2.0, "code": ["1 a"]} | more
    return Result({"zero_shot/digit": hits(digit), "zero_shot/color": hits(color)}, **given)


@pytest.fixture
def planned(root, tmp_path):
    files = [root / "configs" / "pretrain" / f"tiny_{name}_vit.yaml" for name in ("clip", "pyramidclip")]
    return cells(Plan(tmp_path), files, [0, 1])


@pytest.fixture
def results(planned):
    found = [result(10, 20), result(20, 20, steps=5), result(14, 20, minutes=3.0), result(22, 30, code=["1 a", "1 b"])]
    return dict(zip(planned, found))


def test_figures_spread_and_difference(results):
    both = "zero_shot/digit+zero_shot/color"
    found = json.loads(table.to_json(table.summarize(results, ["zero_shot/digit", both], "the command")))
    digit = found["metrics"]["zero_shot/digit"]
    assert digit["tiny_clip_vit"] == {"figures": [25, 35], "mean": 30, "deviation": pytest.approx(50**0.5)}
    assert digit["tiny_pyramidclip_vit"]["figures"] == pytest.approx([50, 55])
    low, high = paired_interval([[hits(10)], [hits(14)]], [[hits(20)], [hits(22)]])
    assert digit["tiny_pyramidclip_vit"]["difference"] == pytest.approx({"mean": 22.5, "low": low, "high": high})
    assert found["metrics"][both]["tiny_pyramidclip_vit"]["figures"] == pytest.approx([50, 65])
    assert (found["seeds"], found["images"], found["command"]) == ([0, 1], 40, "the command")
    assert found["configs"]["tiny_clip_vit"]["minutes"] == [2.0, 3.0]


def test_markdown(results):
    text = table.markdown(
        table.summarize(results, ["zero_shot/digit", "zero_shot/digit+zero_shot/color"], "the command")
    )
    assert "```sh\nthe command\n```" in text
    assert "| zero_shot/digit, % | seed 0 | seed 1 | mean ± deviation | against tiny_clip_vit |" in text
    assert "| mean of zero_shot/digit and zero_shot/color, % | seed 0 |" in text
    assert "| tiny_clip_vit | 25.00 | 35.00 | 30.00 ± 7.07 |  |" in text
    assert "| tiny_pyramidclip_vit | 50.00 | 55.00 | 52.50 ± 3.54 | +22.50 [" in text
    assert '| tiny_clip_vit | 10 | 80 | 2.0 to 3.0 | 1 a | {"type": "scenes",' in text
    assert "| tiny_pyramidclip_vit | 5 to 10 | 80 | 2.0 | 1 a, 1 b |" in text
    assert "Evaluated on 40 images" in text and "other seeds and images" in text


def test_one_seed_has_no_spread_and_says_so(results):
    of_one = {cell: found for cell, found in results.items() if cell.seed == 0}
    text = table.markdown(table.summarize(of_one, ["zero_shot/color"], "the command"))
    assert "| tiny_clip_vit | 50.00 | 50.00 |  |" in text and "one seed says nothing of others" in text


def test_one_configuration_is_compared_with_nothing(results):
    alone = {cell: found for cell, found in results.items() if cell.name == "tiny_clip_vit"}
    text = table.markdown(table.summarize(alone, ["zero_shot/digit"], "the command"))
    assert "| seed 1 | mean ± deviation |\n" in text and "35.00 | 30.00 ± 7.07 |\n" in text and "interval" not in text


def test_metrics_have_to_be_there(planned):
    assert table.names_of("zero_shot/color+zero_shot/digit", planned[0]) == ["zero_shot/color", "zero_shot/digit"]
    with pytest.raises(UserError, match="no metric 't2i/R@10' .* zero_shot/digit, zero_shot/color"):
        table.names_of("zero_shot/digit+t2i/R@10", planned[0])


class Finished:
    """A cell whose result is known."""

    def __init__(self, cell, found):
        self.config, self._found = cell.config, found

    def result(self):
        return self._found


def test_a_metric_that_is_newer_than_a_finished_run(planned):
    whole, older = result(10, 20), result(10, 20)
    del older.metrics["zero_shot/color"]
    cells = [Finished(planned[0], found) for found in (whole, None, older)]
    assert table.measured(cells[:2]) == (["zero_shot/digit", "zero_shot/color"], [])
    assert table.measured(cells) == (["zero_shot/digit"], ["zero_shot/color"])
    with pytest.raises(UserError, match="was not measured by zero_shot/color.* --metric: zero_shot/digit"):
        table.figure(older, ["zero_shot/color"])


def test_runs_on_other_images_are_not_paired(results):
    last = list(results)[-1]
    results[last] = Result({name: Hits(ASKED[:39], ASKED[:39]) for name in results[last].metrics}, 1, 1, 1.0, [])
    with pytest.raises(UserError, match="same queries"):
        table.summarize(results, ["zero_shot/digit"], "")


def test_a_metric_without_a_figure_is_told_and_the_others_stand(planned):
    """An area under the curve of pictures that are all of one class."""
    digit, color = "zero_shot/digit", "zero_shot/color"
    area = lambda seed: RocAuc(np.random.default_rng(seed).random((40, 1)), np.ones((40, 1), np.int8))
    made = lambda seed: Result({digit: area(seed), color: hits(10 + 2 * seed)}, 10, 80, 2.0, ["1 a"])
    results = {cell: made(number) for number, cell in enumerate(planned)}
    summary = table.summarize(results, [digit, f"{digit}+{color}", color], "the command")
    found = json.loads(table.to_json(summary), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    for metric in (digit, f"{digit}+{color}"):
        for row in found["metrics"][metric].values():
            assert row == {"figures": [None, None], "mean": None, "deviation": None}
    assert found["metrics"][color]["tiny_pyramidclip_vit"]["difference"]["mean"] == pytest.approx(5)
    assert table.markdown(summary).count("| no figure | no figure | no figure |  |") == 4
