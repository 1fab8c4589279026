"""A suite's file becomes protocols: those of its sets' roles that each has as fields."""

import pytest

from tandemclip.core.config import shipped
from tandemclip.core.data.sources.class_folder import ClassFolder
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.linear_probe import LinearProbe
from tandemclip.core.evaluation.suites.data_set import DataSet, read_data_set
from tandemclip.core.evaluation.suites.suite import protocol_of, read_suite

ASKED, LEARNED = ClassFolder("asked"), ClassFolder("learned")
SET = DataSet("Colours", "top1", "a test", source=ASKED, learn=LEARNED)


def written(folder, text):
    (folder / "mine.yaml").write_text(text)
    return str(folder / "mine.yaml")


def test_a_protocol_gets_the_roles_that_it_has_as_fields():
    probe = protocol_of({"type": "linear_probe"}, SET, "here")
    assert probe == LinearProbe(ASKED, LEARNED) and probe.source is ASKED and probe.learn is LEARNED


def test_an_option_lies_over_the_set_s_own():
    other = {"type": "linear_probe", "learn": {"type": "class_folder", "path": "other"}}
    assert protocol_of(other, SET, "here") == LinearProbe(ASKED, ClassFolder("other"))
    without = DataSet("Colours", "top1", "a test", source=ASKED)
    assert protocol_of(other, without, "here") == LinearProbe(ASKED, ClassFolder("other"))


def test_a_set_that_lacks_what_a_protocol_needs_is_told():
    without = DataSet("Colours", "top1", "a test", source=ASKED)
    with pytest.raises(UserError, match="^here: linear_probe needs `learn`, and the data set Colours has source alone"):
        protocol_of({"type": "linear_probe"}, without, "here")


def test_an_option_that_a_protocol_does_not_take_is_told():
    with pytest.raises(UserError, match="unknown key 'folds' in here"):
        protocol_of({"type": "linear_probe", "folds": 3}, SET, "here")


def test_all_mistakes_of_a_suite_are_told_at_once(tmp_path):
    text = "sets:\n  flickr8k_deev: [linear_probe]\n  coco_val: [linear_prob, shards, {folds: 3}]\n"
    with pytest.raises(UserError) as raised:
        read_suite(written(tmp_path, text))
    told = raised.value.lines
    assert len(told) == 4 and "did you mean flickr8k_dev?" in told[0]
    assert told[1] == "unknown value 'linear_prob' in evaluate/mine.sets.coco_val[0].type: did you mean 'linear_probe'?"
    assert "'shards' in evaluate/mine.sets.coco_val[1].type" in told[2]
    assert told[3].startswith("evaluate/mine.sets.coco_val[2] is {'folds': 3}, expected a protocol")


@pytest.mark.parametrize(
    "sets, told",
    [
        ("{}", " is {}, "),
        ("[cifar10]", " is ['cifar10'], "),
        ("{coco_val: linear_probe}", ".coco_val is 'linear_probe', expected a list of one protocol or more, such as"),
        ("{coco_val: [linear_probe], flickr8k_dev: []}", ".flickr8k_dev is [], expected a list of one protocol"),
        ("{coco_val: null}", ".coco_val is None, expected a list of one protocol"),
        ("{coco_val: [3]}", ".coco_val[0] is 3, expected a protocol or a mapping with a `type`: "),
        ("{coco_val: [linear_probe, null]}", ".coco_val[1] is None, expected a protocol"),
        ("{coco_val: [':x']}", "unknown value ':x' in evaluate/mine.sets.coco_val[0].type: it takes "),
        ("{coco_val: ['os:path']}", ".coco_val[0].type 'os:path' is no protocol; expected a dataclass that is an Ev"),
        ("{coco_val: ['os:PathLike']}", ".coco_val[0].type 'os:PathLike' is no protocol"),
    ],
)
def test_what_is_no_suite_is_told(tmp_path, sets, told):
    with pytest.raises(UserError) as raised:
        read_suite(written(tmp_path, f"sets: {sets}"))
    (line,) = raised.value.lines
    assert told in line and "evaluate/mine.sets" in line


def test_a_protocol_of_one_s_own_is_named_by_its_path(tmp_path):
    one = f"{LinearProbe.__module__}:{LinearProbe.__name__}"
    suite = read_suite(written(tmp_path, f"sets: {{coco_val: ['{one}']}}"))
    assert protocol_of(suite.entries("coco_val")[0], SET, "here") == LinearProbe(ASKED, LEARNED)


@pytest.mark.parametrize("name", shipped.suites())
def test_every_suite_that_ships_builds_its_protocols(name):
    suite = read_suite(name)
    for one in suite.sets:
        data_set = read_data_set(one, "/data")
        for entry in suite.entries(one):
            assert protocol_of(entry, data_set, one).source is data_set.source
