"""What cannot be measured is told before anything runs, all of it at once."""

import json

import pytest

from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.suites.candidates import candidates
from tandemclip.core.evaluation.suites.plan import plan
from tandemclip.core.evaluation.suites.suite import read_suite
from tandemclip.tests.core.evaluation.suites.scenes_suite import (
    scenes,
    small,
    write_checkpoint,
    write_set,
    write_suite,
)


@pytest.fixture
def two(tmp_path):
    suite, paths = small(tmp_path)
    return read_suite(suite), candidates(paths, "torch", False)


def test_tasks_are_all_of_one_checkpoint_behind_one_another(two):
    planned = plan(*two, "data", False)
    names = [(task.candidate.name, task.entry.set_name, task.entry.label) for task in planned.tasks]
    entries = [("digits", "zero_shot"), ("digits", "linear_probe"), ("captions", "retrieval")]
    assert names == [(name, *entry) for name in ("first", "second") for entry in entries]
    assert len({task.key for task in planned.tasks}) == 6 and planned.missing == {}
    assert [task.entry.source.seed for task in planned.tasks[:3]] == [0, 0, 5]
    assert planned.lines() == ["Scenes: all 24 records read", "Scenes: all 30 records read"]


def missing(tmp_path):
    gone = {name: write_set(tmp_path, name, source={"type": "shards", "paths": f"$DATA/{name}/*.tar"}) for name in "ab"}
    there = write_set(tmp_path, "there", source=scenes())
    return read_suite(write_suite(tmp_path, {gone["a"]: ["zero_shot"], there: ["zero_shot"], gone["b"]: ["retrieval"]}))


def test_all_that_is_missing_is_named_at_once(tmp_path, two):
    with pytest.raises(UserError) as found:
        plan(missing(tmp_path), two[1], "nowhere", False)
    assert len(found.value.lines) == 2
    for name, line in zip("ab", found.value.lines):
        assert f"no file matches nowhere/{name}/*.tar" in line and "--skip-missing passes over it" in line
        assert f"fetch-help {tmp_path}/{name}.yaml` says where it comes from" in line


def test_what_is_missing_is_passed_over_where_that_is_asked_for(tmp_path, two):
    planned = plan(missing(tmp_path), two[1], "nowhere", True)
    assert [entry.set_name for entry in planned.entries] == ["there"] and list(planned.missing) == ["a", "b"]
    assert [line for line in planned.lines() if line.startswith("passed over: a: shards: no file matches nowhere/a")]
    gone = write_suite(tmp_path, {str(tmp_path / "a.yaml"): ["zero_shot"]})
    with pytest.raises(UserError, match="none of the data sets is there \\(a\\)"):
        plan(read_suite(gone), two[1], "nowhere", True)


def test_a_checkpoint_that_a_protocol_cannot_ask(tmp_path, two):
    bad = candidates([write_checkpoint(tmp_path / "labels", config="tiny_cross_entropy_resnet")], "torch", False)
    with pytest.raises(UserError) as found:
        plan(two[0], [*two[1], *bad], "data", False)
    assert [line.partition(":")[0] for line in found.value.lines] == [
        "labels cannot be measured by zero_shot on digits",
        "labels cannot be measured by retrieval on captions",
    ]
    assert "CrossEntropy reads no texts" in found.value.lines[0]


def test_a_protocol_without_what_it_learns_from(tmp_path, two):
    suite = read_suite(write_suite(tmp_path, {str(tmp_path / "captions.yaml"): ["linear_probe"]}))
    with pytest.raises(UserError, match="linear_probe needs `learn`"):
        plan(suite, two[1], "data", True)


def test_names_of_checkpoints(tmp_path):
    def names(*paths):
        return [each.name for each in candidates(paths, "torch", False)]

    one, two = write_checkpoint(tmp_path / "a" / "run", 1, step=3), write_checkpoint(tmp_path / "a" / "other", 2)
    assert names(one, two) == ["run", "other"]
    write_checkpoint(tmp_path / "a" / "run", 5, step=4)
    steps = [tmp_path / "a" / "run" / "checkpoints" / f"step-0000000{step}" for step in (3, 4)]
    assert names(*steps) == ["run-3", "run-4"]
    third = write_checkpoint(tmp_path / "b" / "run", 6, step=4)
    assert names(steps[1], third) == [str(steps[1]), str(third) + "/checkpoints/step-00000004"]
    moved = tmp_path / "moved"
    steps[0].rename(moved)
    assert names(moved) == ["moved"]


def test_the_same_weights_twice(tmp_path):
    one, other = (write_checkpoint(tmp_path / name) for name in ("a", "b"))
    with pytest.raises(UserError, match="are the same weights"):
        candidates([one, other], "torch", False)


def test_an_option_of_a_protocol_is_part_of_its_name_and_key(tmp_path, two):
    path = tmp_path / "digits.yaml"
    given = {"type": "linear_probe", "learn": scenes(split="train", seed=2)}
    planned = plan(read_suite(write_suite(tmp_path, {str(path): ["linear_probe", given]})), two[1], "data", False)
    first, other = planned.entries
    assert first.label == "linear_probe" and other.label.startswith("linear_probe learn={")
    assert first.key != other.key and json.dumps(other.label)


def test_a_file_of_one_s_own_is_named_as_it_was_given(tmp_path, two):
    """So that the command in the message finds it."""
    (folder := tmp_path / "my sets").mkdir()
    own = write_set(folder, "gone", source={"type": "shards", "paths": "nowhere/*.tar"})
    for skip in (False, True):
        with pytest.raises(UserError) as found:
            plan(read_suite(write_suite(tmp_path, {own: ["zero_shot"]})), two[1], "data", skip)
        assert f"fetch-help '{own}'` says where it comes from" in str(found.value)


def test_two_sets_that_would_be_called_alike_are_refused(tmp_path, two):
    paths = []
    for name in "ab":
        (folder := tmp_path / name).mkdir()
        paths.append(write_set(folder, "digits", source=scenes()))
    with pytest.raises(UserError, match="would both be called 'digits'; rename one"):
        plan(read_suite(write_suite(tmp_path, {path: ["zero_shot"] for path in paths})), two[1], "data", False)


def test_the_same_protocol_twice_is_refused(tmp_path, two):
    """A mean over data sets would count its set twice; to say what is the default changes nothing."""
    path = str(tmp_path / "digits.yaml")
    for again in ("linear_probe", {"type": "linear_probe", "learn": scenes(split="train", seed=1, count=30)}):
        suite = read_suite(write_suite(tmp_path, {path: ["zero_shot", "linear_probe", again]}))
        with pytest.raises(UserError, match="data set digits: linear_probe.* is the same as linear_probe; leave one"):
            plan(suite, two[1], "data", False)


def test_what_a_protocol_lacks_is_not_told_of_the_data(tmp_path, two, monkeypatch):
    """WordNet is no part of any data set: to pass over the set would leave out its other protocols."""
    monkeypatch.setenv("WNSEARCHDIR", str(tmp_path))
    asked = {str(tmp_path / "digits.yaml"): ["zero_shot", {"type": "label_mapping", "by": "wordnet"}]}
    for skip in (False, True):
        with pytest.raises(UserError, match="^no WordNet in") as found:
            plan(read_suite(write_suite(tmp_path, asked)), two[1], "data", skip)
        assert "fetch-help" not in str(found.value)
