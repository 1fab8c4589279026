"""Figures, differences and means are those of the results, in every file of the report."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core.console.markdown import table
from tandemclip.core.evaluation.bootstrap import paired_interval
from tandemclip.core.evaluation.suites.candidates import candidates
from tandemclip.core.evaluation.suites.plan import plan
from tandemclip.core.evaluation.suites.report import files, markdown
from tandemclip.core.evaluation.suites.report.summary import summarize
from tandemclip.core.evaluation.suites.results import Results
from tandemclip.core.evaluation.suites.running import measure
from tandemclip.core.evaluation.suites.suite import read_suite
from tandemclip.core.hits import Hits
from tandemclip.core.scored import RocAuc
from tandemclip.core.serving.model import open_model
from tandemclip.tests.core.evaluation.suites.scenes_suite import scenes, small, write_set, write_suite


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    """Zero-shot on two sets, so that it has a mean, and retrieval."""
    folder = tmp_path_factory.mktemp("suite")
    _, checkpoints = small(folder)
    more = write_set(folder, "more", source=scenes(seed=8), images={"source": 25})
    sets = {
        str(folder / "digits.yaml"): ["zero_shot"],
        more: ["zero_shot"],
        str(folder / "captions.yaml"): ["retrieval"],
    }
    planned = plan(read_suite(write_suite(folder, sets)), candidates(checkpoints, "torch", False), "data", False)
    return summarize("small", "torch", planned, measure(planned, folder / "out", backends.load("torch")))


def test_rows_are_what_the_protocols_measure(summary):
    models = [open_model(each.folder, backends.load("torch")) for each in summary.plan.candidates]
    rows = iter(summary.rows)
    for entry in summary.plan.entries:
        first, other = (entry.protocol.measure(model) for model in models)
        for place, metric in enumerate(first):
            row = next(rows)
            assert (row.set_name, row.metric, row.headline) == (entry.set_name, metric, not place)
            for figure, each in zip(row.figures, (first[metric], other[metric])):
                assert figure.percent == pytest.approx(100 * each.share) and figure.queries == each.queries
                assert (figure.low, figure.high) == pytest.approx([100 * end for end in each.interval])
                assert figure.chance == pytest.approx(100 * each.guessing)
            assert row.figures[0].difference is None and (row.figures[1].difference is None) == bool(place)
            if not place:
                difference = row.figures[1].difference
                assert difference.mean == pytest.approx(100 * (other[metric].share - first[metric].share))
                low, high = paired_interval([[first[metric]]], [[other[metric]]])
                assert (difference.low, difference.high) == pytest.approx((low, high))
    assert next(rows, None) is None


def test_the_headline_is_what_papers_report_where_the_protocol_gives_it(summary):
    measured = summary.measured[2]
    assert measured.headline == "i2t/R@1"
    reported = replace(measured.entry, data_set=replace(measured.entry.data_set, metric="t2i/R@5"))
    assert replace(measured, entry=reported).headline == "t2i/R@5"


def test_means_are_of_the_headlines(summary):
    (mean,) = summary.means()
    one, two = (row for row in summary.headlines if row.protocol == "zero_shot")
    assert (mean.protocol, mean.sets) == ("zero_shot", 2)
    for number, percent in enumerate(mean.percent):
        assert percent == pytest.approx((one.figures[number].percent + two.figures[number].percent) / 2)


def test_remarks_on_the_data_are_told(summary):
    (told,) = summary.measured[1].remarks()
    assert told == "source of Scenes more has 24 images, and the official archive 25"
    assert f"- Scenes more, zero_shot: {told}" in markdown.page(summary)


def test_a_remark_names_the_checkpoints_that_it_is_on_where_it_is_not_on_all(summary):
    measured = summary.measured[0]
    said = (["both", "one"], ["two", "both"])
    results = [
        replace(result, told=result.told | {"figures": result.told["figures"] | {"remarks": remarks}})
        for result, remarks in zip(measured.results, said)
    ]
    first, second = summary.names
    told = replace(measured, results=tuple(results)).remarks()
    assert told == ["both", f"{first}: one", f"{second}: two"]


def test_what_has_no_figure_is_told_and_is_null(summary, tmp_path):
    """All pictures are of one of two classes: of the first checkpoint's, nothing is known of the area."""
    (entry, other), results = summary.plan.entries[:2], Results(tmp_path)
    entries = tuple(replace(e, data_set=replace(e.data_set, metric="roc_auc")) for e in (entry, other))
    planned = replace(summary.plan, entries=entries)
    scores, present = np.arange(4.0)[:, None], np.ones((4, 1), np.int8)
    unknown, known = RocAuc(scores, present, ("odd",)), RocAuc(scores, np.array([[0], [1], [0], [1]], np.int8))
    for task, roc_auc in zip(planned.tasks, (unknown, known, known, known), strict=True):
        results.save(task, {"top1": Hits(present[:, 0], present[:, 0]), "roc_auc": roc_auc}, 1.0)
    made = summarize("small", "torch", planned, results)
    assert [[each.percent for each in row.figures] for row in made.headlines] == [[None, 75], [75, 75]]
    assert made.headlines[0].figures[1].difference is None and made.headlines[1].figures[1].difference.mean == 0
    (mean,) = made.means()
    assert mean.percent == (None, 75)
    markdown_file, json_file, html = (path.read_text() for path in files.write(made, tmp_path))
    json.loads(json_file, parse_constant=pytest.fail)
    assert "| roc_auc | 50.00 | no figure | 75.00 [" in markdown_file and "| 2 | no figure | 75.00 |" in markdown_file
    assert ">no figure</span>" in html and ">no figure</td>" in html and "nan" not in html.lower()
    assert f"- Scenes digits, zero_shot: {made.names[0]}: roc_auc: odd" in markdown_file


def test_files(summary, tmp_path):
    summary = replace(summary, plan=replace(summary.plan, missing={"pets": "not there"}))
    written = files.write(summary, tmp_path / "new")
    assert [path.name for path in written] == ["report.md", "report.json", "report.html"]
    shown, told = written[0].read_text(), json.loads(written[1].read_text())
    assert "Passed over: pets." in shown and told["missing"] == {"pets": "not there"}
    assert [each["name"] for each in told["checkpoints"]] == summary.names
    for row, found in zip(summary.rows, told["rows"], strict=True):
        cells = [f"{each.percent:.2f} [{each.low:.2f}, {each.high:.2f}]" for each in row.figures]
        line = next(
            line for line in shown.splitlines() if line.startswith(f"| {row.title} |") and f" {row.metric} " in line
        )
        assert all(cell in line for cell in cells)
        assert [each["percent"] for each in found["figures"]] == [each.percent for each in row.figures]
    assert b"Passed over, as the data are not there: pets." in written[2].read_bytes()


def test_a_table():
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
