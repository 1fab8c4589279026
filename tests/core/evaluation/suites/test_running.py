"""A suite goes on from wherever it was stopped, and comes to the same end."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.suites.candidates import candidates
from tandemclip.core.evaluation.suites.plan import plan
from tandemclip.core.evaluation.suites.results import Results
from tandemclip.core.evaluation.suites.running import measure
from tandemclip.core.evaluation.suites.suite import read_suite
from tandemclip.core.serving.model import open_model
from tandemclip.tests.core.evaluation.suites.scenes_suite import scenes, small, write_set, write_suite


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """(the plan, the folder, its results)"""
    folder = tmp_path_factory.mktemp("suite")
    suite, checkpoints = small(folder)
    planned = plan(read_suite(suite), candidates(checkpoints, "torch", False), "data", False)
    return planned, folder, measure(planned, folder / "out", backends.load("torch"))


def test_results_are_what_the_protocols_measure(measured):
    planned, folder, results = measured
    for task in planned.tasks:
        model = open_model(task.candidate.folder, backends.load("torch"))
        expected, found = task.entry.protocol.measure(model), results.load(task)
        assert found.metrics == list(expected) and found.told["set"] == task.entry.set_name
        for name, each in expected.items():
            np.testing.assert_array_equal(found.statistics[name].array(), each.array())
            assert found.told["figures"][name] == 100 * each.share
        kept = {name: each.answers for name, each in expected.items() if each.answers is not None}
        assert kept.keys() == found.answers.keys() and kept
        for name, each in kept.items():
            assert found.answers[name].texts == each.texts and found.answers[name].kind == each.kind
            for array in ("asked", "first", "right"):
                np.testing.assert_array_equal(getattr(found.answers[name], array), getattr(each, array))


def test_what_is_there_is_not_measured_again(measured, capsys):
    planned, folder, results = measured
    before = {path: path.stat().st_mtime_ns for path in (folder / "out" / "results").iterdir()}
    task = planned.tasks[4]
    gone = [path for path in before if task.key[:20] in path.name]
    assert len(gone) == 3 and len(before) == 18
    next(path for path in gone if path.suffix == ".json").unlink()  # killed before the last of the three was there
    capsys.readouterr()
    measure(planned, folder / "out", backends.load("torch"))
    after = {path: path.stat().st_mtime_ns for path in (folder / "out" / "results").iterdir()}
    assert after.keys() == before.keys() and {path for path in after if after[path] != before[path]} == set(gone)
    shown = capsys.readouterr().out
    assert "5 of 6 results are there already" in shown and "second, digits, linear_probe: linear_probe " in shown
    measure(planned, folder / "out", None)  # all is there: no engine is asked for


WITHOUT = json.dumps({"format": 1, "answers": {}, "accounts": []}).encode()


@pytest.mark.parametrize(
    "suffix, content, why",
    [
        (".json", b"{", "Expecting"),
        (".json", b"[]", "it is no result of format 1"),
        (".json", b'{"format": 2}', "it is no result of format 1"),
        (".json", WITHOUT, "its 'figures' are missing, or damaged"),
        (".json", WITHOUT[:-1] + b', "figures": {}}', "its 'chance' are missing, or damaged"),
        (".answers.safetensors", b"12345678", "header too large"),
        (".safetensors", b"12345678", "header too large"),
    ],
)
def test_a_damaged_result_is_named_and_may_be_removed(measured, tmp_path, suffix, content, why):
    """The one that is damaged: where it is gone, what it was of is measured again."""
    planned, folder, results = measured
    copies, task = Results(tmp_path), planned.tasks[0]
    for path in (folder / "out" / "results").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (damaged,) = tmp_path.glob(f"*.{task.key[:20]}{suffix}")
    damaged.write_bytes(content)
    with pytest.raises(UserError, match="; remove it,? and") as found:
        copies.load(task)
    assert str(found.value).startswith(f"{damaged} cannot be read (") and why in str(found.value)
    assert copies.has(task)
    damaged.unlink()
    assert not copies.has(task)


@pytest.mark.parametrize("place", ["", "results", "features"])
def test_a_file_in_a_folder_s_place_is_told_before_anything_is_encoded(measured, tmp_path, place):
    out = tmp_path / "out"
    (out / place).parent.mkdir(exist_ok=True)
    (out / place).write_text("")
    with pytest.raises(UserError, match="^.*is a file, and a suite needs a folder there; remove it") as found:
        measure(measured[0], out, None)
    assert str(found.value).startswith(f"{out / place} is")


def test_killed_at_three_moments_it_goes_on(measured, tmp_path):
    """SIGKILL within the first pictures, and behind some results: none is measured twice, and none is another one."""
    planned, folder, _ = measured
    out, suite, whole = tmp_path / "out", str(folder / "small.yaml"), {}
    given = [suite, str(out), *(str(each.folder) for each in planned.candidates)]
    killing = Path(__file__).with_name("killed_suite.py")
    done = subprocess.run([sys.executable, str(killing), *given], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert [moment["killed"] for moment in told] == [True, True, True, False]
    for moment in told:  # what was there is still there, and was written once
        assert all(moment["results"][name] == stamp for name, stamp in whole.items())
        whole = moment["results"]
    counts = [len(moment["results"]) for moment in told]
    assert counts[0] == 0 and 2 <= counts[1] < 4 <= counts[2] < 6 == counts[3]
    for task in planned.tasks:
        expected, found = (Results(place / "results").load(task) for place in (folder / "out", out))
        assert found.told["figures"] == expected.told["figures"]
    assert not [path for path in out.rglob("*.part")]


def test_what_only_the_pictures_say_is_told_with_its_place_in_the_suite(measured, tmp_path):
    """How many pictures have a class is known when they are read."""
    few = write_set(tmp_path, "few", source=scenes(), learn=scenes(count=3, seed=1))
    suite = read_suite(write_suite(tmp_path, {few: ["k_nearest"]}))
    planned = plan(suite, measured[0].candidates[:1], "data", False)
    with pytest.raises(UserError, match="^first, few, k_nearest: k_nearest: `learn` has 3 records with a class"):
        measure(planned, tmp_path / "out", backends.load("torch"))
