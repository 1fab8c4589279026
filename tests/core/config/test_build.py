"""All mistakes of a configuration in one error, and what is said of keys and values that are not known."""

import re
from dataclasses import dataclass
from typing import Literal

import pytest

from tandemclip.core.config.build import build
from tandemclip.core.config.keys import names
from tandemclip.core.config.reference import described
from tandemclip.core.config.suggest import unknown_key
from tandemclip.core.config.synonyms import SYNONYMS
from tandemclip.core.console import command_line
from tandemclip.core.data.sources.class_folder import ClassFolder
from tandemclip.core.data.sources.coco_objects import CocoObjects
from tandemclip.core.data.sources.shards import Shards
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import Collected, UserError, UserErrors
from tandemclip.core.methods.method import Method
from tandemclip.core.towers.tower import ImageTower
from tandemclip.core.training.config import Config, read
from tandemclip.core.training.settings import Training
from tandemclip.core.training.update import AdamW

TINY = "configs/pretrain/tiny_clip_vit.yaml"


def told(make) -> list[str]:
    with pytest.raises(UserError) as caught:
        make()
    return caught.value.lines


# ------------------------------------------------------------------ all at once
def test_every_mistake_is_told_with_its_path(root):
    wrong = {
        "method": {"image": {"heads": 0}, "text": {"layers": -1, "pol": "max"}, "crop": {"area": [2, 3]}},
        "data": {"workers": -1, "train": {"type": "scenes", "size": 1}},
        "training": {"clip": -1, "update": {"decay": -1}, "groups": [{"match": "*", "rate": 0}, {"rate": 1}]},
        "inti": None,
    }
    lines = told(lambda: read(root / TINY, wrong))
    expected = (
        "unknown key 'inti'",
        "unknown key 'pol' in method.text",
        "method.image.heads is 0",
        "method.text.layers is -1",
        "method.crop.area is [2, 3]",
        "data.workers is -1",
        "data.train.size is 1",
        "training.clip is -1",
        "training.update.decay is -1",
        "training.groups[0].rate is 0",
        "training.groups[1].match is missing",
    )
    assert len(lines) == len(expected) and all(sum(line.startswith(each) for line in lines) == 1 for each in expected)


def test_one_mistake_is_an_error_of_its_own(root):
    with pytest.raises(UserError) as caught:
        read(root / TINY, {"training": {"clip": -1}})
    assert type(caught.value) is UserError


def test_what_classes_refuse_by_themselves_is_among_them(root):
    lines = told(
        lambda: read(root / TINY, {"method": {"image": {"heads": 5}}, "training": {"epochs": 3, "clip": None}})
    )
    assert lines[0].startswith("method.image: width 32 does not split into 5 heads")
    assert lines[1].startswith("training.steps is ") and len(lines) == 2


def test_the_command_line_prints_a_line_each(capsys):
    def main(arguments):
        raise UserErrors([UserError("one\nthing"), UserError("another")])

    assert command_line.run(main, []) == 2
    assert capsys.readouterr().err.splitlines() == ["error: one thing", "error: another"]


def test_collected_goes_on_behind_an_error_and_keeps_the_order():
    found, seen = Collected(), []
    for name in "abc":
        with found.noted():
            seen.append(name)
            raise UserErrors([UserError(name), UserError(name * 2)])
    assert seen == ["a", "b", "c"] and told(found.tell) == ["a", "aa", "b", "bb", "c", "cc"]
    Collected().tell()
    with pytest.raises(ValueError), Collected().noted():
        raise ValueError("a defect is no mistake of the user's")


# ------------------------------------------------------------------ what others call it
@pytest.mark.parametrize(
    "cls, where, key, ours",
    [
        (Training, "training", "lr", "learning_rate"),
        (Training, "training", "optimizer", "update"),
        (Training, "training", "wd", "update.decay"),
        (Training, "training", "weight_decay", "update.decay"),
        (Training, "training", "batch", "batch_size"),
        (Training, "training", "grad_clip", "clip"),
        (Training, "training", "accum-freq", "accumulate"),
        (Training, "training", "Max_Steps", "steps"),
        (AdamW, "training.update", "weight_decay", "decay"),
        (Config, "", "lr", "training.learning_rate"),
        (Config, "", "model", "method"),
        (Config, "", "weight_decay", "training.update.decay"),
        (Config, "", "image_size", "method.image.resolution"),
        (Config, "", "num_workers", "data.workers"),
        (ClassFolder, "data.train", "root", "path"),
        (ClassFolder, "data.train", "data_dir", "path"),
        (CocoObjects, "data.train", "root", "folder"),
        (Shards, "data.train", "data_files", "paths"),
    ],
)
def test_a_name_of_another_tool_s_is_answered_by_ours(cls, where, key, ours):
    assert f": it is {ours!r} here" in unknown_key(key, cls, where)


@pytest.mark.parametrize(
    "kind, key, ours",
    [
        ("vit", "depth", "layers"),
        ("swin", "depth", "depths"),
        ("vit", "image_size", "resolution"),
        ("vit", "patch_size", "patch"),
        ("vit", "num_heads", "heads"),
        ("vit", "hidden_size", "width"),
        ("swin", "window_size", "window"),
        ("swin", "drop_path_rate", "drop_path"),
    ],
)
def test_of_a_tower_too(kind, key, ours):
    lines = told(lambda: build(ImageTower, {"type": kind, key: 1}, "method.image"))
    (said,) = [line for line in lines if line.startswith("unknown key")]
    assert said.startswith(f"unknown key {key!r} in method.image: it is {ours!r} here")
    assert not any(
        line.startswith(f"method.image.{ours} is missing") for line in lines
    )  # it was given, by another name
    assert any(line.startswith("method.image.embed_dim is missing") for line in lines)


def test_every_name_of_ours_in_the_table_exists():
    """Of each place the classes that may stand there have the key."""
    places: dict = {}
    for place, cls, _ in described([("", Config, "")], set()):
        places.setdefault(place, set()).update(names(cls))
    places["training.update"] |= {"decay"}
    for ours in SYNONYMS:
        place, _, key = ours.rpartition(".")
        towers = places["method.image"] | places["method.text"] if place in ("method.image", "method.text") else set()
        assert key in places[place] | towers, ours


def test_no_name_of_another_tool_s_is_a_key_in_the_same_place():
    """It could never be asked about."""
    assert not {t for ours, theirs in SYNONYMS.items() if ours.startswith("training.") for t in theirs} & {
        *names(Training)
    }


def test_a_key_of_a_section_is_found_there():
    assert unknown_key("workers", Config, "").endswith("it lies in 'data': write data.workers")
    assert unknown_key("beta1", Training, "training").endswith("it lies in 'update': write training.update.beta1")


def test_letters_come_last_and_have_to_be_near():
    assert unknown_key("warmpu", Training, "training").endswith("did you mean 'warmup'?")
    assert "did you mean" not in unknown_key("xyzzy", Training, "training")
    assert "it takes batch_size, learning_rate" in unknown_key("xyzzy", Training, "training")
    with pytest.raises(UserError, match="did you mean 'ViT-B/16'"):
        build(ImageTower, {"type": "vit-b-16"}, "method.image")
    with pytest.raises(UserError, match="it takes clip, pyramidclip"):
        build(Method, {"type": "albef"}, "method")


# ------------------------------------------------------------------ what YAML made of it
@dataclass(frozen=True)
class Fields:
    text: str = ""
    several: tuple[str, ...] = ()
    choice: Literal["none", "all"] = "none"
    precision: Literal["bf16", "fp16"] = "bf16"
    whole: int = 0
    number: float = 0.0
    truth: bool = False


@pytest.mark.parametrize(
    "key, value, words",
    [
        ("text", True, 'YAML reads on, yes and true as true; in quotes it is text: "on"'),
        ("text", False, 'YAML reads off, no and false as false; in quotes it is text: "no"'),
        ("choice", False, "expected one of none, all; YAML reads off, no and false as false; in quotes"),
        ("several", [True], "expected a list of texts"),
        ("several", "a", r"write \[a\]$"),
        ("text", None, "YAML reads ~, null and nothing behind the colon as null; in quotes"),
        ("whole", None, "YAML reads ~, null and nothing behind the colon as null$"),
        ("text", 2024, 'in quotes it is text: "2024"'),
        ("whole", "08", "write 8$"),
        ("number", "-007", "write -7$"),
        ("number", "1e-3", "what has quotes or a comma is text: write 1e-3$"),
        ("whole", "1,000", "write 1000$"),
        ("whole", "0,001", "expected a whole number$"),
        ("whole", "\u0662\u0660", "expected a whole number$"),  # Arabic digits: YAML has none
        ("number", "0,001", "write 0.001$"),
        ("number", "1,5e-3", "write 1.5e-3$"),
        ("number", "-12,000.5", "write -12000.5$"),
        ("whole", 1e3, "expected a whole number; write 1000$"),
        ("whole", 1.5, "expected a whole number$"),
        ("number", "fast", "expected a number$"),
        ("truth", "yes", "expected true or false$"),
        ("whole", True, "as true$"),
        ("text", {1, 2}, "expected text$"),
        ("precision", "AMP_bf16", "expected one of bf16, fp16; write bf16$"),
        ("precision", "float16", "write fp16$"),
        ("precision", "int8", "expected one of bf16, fp16$"),
    ],
)
def test_a_value_that_yaml_reads_otherwise_is_told_with_how_to_write_it(key, value, words):
    (line,) = told(lambda: build(Fields, {key: value}))
    assert line.startswith(f"{key} is {value!r}, expected ") and re.search(words, line), line


@pytest.mark.parametrize("given, words", [
    ("imagefolder", "'class_folder' here .imagefolder of torchvision, HF."), ("ImageFolder", "'class_folder'"),
    ("webdataset", "'shards' here"), ("csv", "'captions_table' here"), ("coco", "'coco_captions' or 'coco_objects' h"),
])  # fmt: skip
def test_a_type_is_suggested_by_what_other_tools_call_it(given, words):
    (line,) = told(lambda: build(Source, {"type": given}, "data.train"))
    assert re.search(f"unknown value '{given}' in data.train.type: it is {words}", line), line


def test_every_type_that_others_call_otherwise_is_one_of_ours():
    from tandemclip.core.config import registry
    from tandemclip.core.config.synonyms import VALUES

    ours = {name for names in registry.TYPES.values() for name in names}
    assert VALUES.keys() <= ours
    assert not {theirs for names in VALUES.values() for theirs in names} & ours


def test_a_key_that_yaml_reads_as_true_is_told(root):
    (line,) = told(lambda: build(Training, {"batch_size": 2, "learning_rate": 1.0, "steps": 1, True: 3}, "training"))
    assert line.startswith("unknown key True in training: YAML reads on, yes")


def test_a_key_that_is_spelt_wrong_is_not_missing_too():
    lines = told(lambda: build(Training, {"batch_size": 2, "learning_rat": 1.0, "steps": 1}, "training"))
    assert lines == ["unknown key 'learning_rat' in training: did you mean 'learning_rate'?"]


def test_what_an_option_of_a_command_line_lacks_is_named_as_one_writes_it():
    inner = {"type": "first", "count": 3, "source": {"type": "captions_table"}}
    assert told(lambda: build(Source, inner, "--source")) == [
        "--source.source.path is missing; CaptionsTable needs it: add source.path=... behind --source"
    ]
    assert unknown_key("beta1", Training, "--x.y").endswith("write y.update.beta1")
    assert unknown_key("beta1", Training, "--x").endswith("write update.beta1")


def test_a_long_value_is_cut():
    (line,) = told(lambda: build(Fields, {"whole": "x" * 10_000}))
    assert len(line) < 300


def test_a_source_says_what_it_is_missing():
    assert told(lambda: build(Source, {"type": "first"}, "data.train")) == [
        "data.train.source is missing; First needs it: add it to the config or --set data.train.source=...",
        "data.train.count is missing; First needs it: add it to the config or --set data.train.count=...",
    ]
