"""Every number of every class that a configuration may describe has bounds, and `build` holds values against them."""

import dataclasses
import typing

import pytest
from annotated_types import Ge, Gt, Le, Lt, MinLen, Predicate

from tandemclip.core.config.build import build
from tandemclip.core.config.kinds import leaves, options, parts
from tandemclip.core.config.reference import described
from tandemclip.core.config.yaml_text import merge
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.views.crop import Crop
from tandemclip.core.errors import UserError
from tandemclip.core.methods.method import Method
from tandemclip.core.spec import initial_weights
from tandemclip.core.towers.tower import ImageTower
from tandemclip.core.training import checkpoint
from tandemclip.core.training.config import Config, Data, read
from tandemclip.core.training.constants import compare
from tandemclip.core.training.settings import Training
from tandemclip.core.training.start import tokenizer_of
from tandemclip.core.training.update import UpdateRule
from tandemclip.tools import evaluate

TRAINING = {"batch_size": 8, "learning_rate": 0.1, "steps": 3}
VIT = {"type": "vit", "resolution": 32, "patch": 8, "width": 32, "layers": 2, "heads": 4, "embed_dim": 24}
CLASSES = [cls for _, cls, _ in described([("", Config, "")], set())]


def interval(hint):
    """All bounds of a hint, those of its elements among them."""
    inner, own = parts(hint)
    within = [each for each in typing.get_args(inner) if each is not ...]
    return own + [bound for each in within for bound in interval(each)]


def numbers():
    """(class, field, the option of its type that holds numbers)"""
    for cls in CLASSES:
        hints = typing.get_type_hints(cls, include_extras=True)
        for field in dataclasses.fields(cls):
            for option in options(hints[field.name]):
                kinds = leaves(option)
                if kinds & {int, float} and typing.get_origin(option) is not typing.Literal:
                    yield cls, field, option


def named(x):
    return x.__name__ if isinstance(x, type) else x.name if isinstance(x, dataclasses.Field) else ""


def test_the_walk_finds_what_there_is():
    assert {Config, Training, Crop, Scenes} <= set(CLASSES) and len(CLASSES) == len(set(CLASSES)) > 40
    assert len(list(numbers())) > 120


@pytest.mark.parametrize("cls, field, hint", list(numbers()), ids=named)
def test_every_number_has_a_least_value(cls, field, hint):
    """None of ours may be below every bound: all are counts, sizes, shares, rates, chances or seeds."""
    assert any(isinstance(bound, (Ge, Gt)) for bound in interval(hint)), f"{cls.__name__}.{field.name}: {hint}"


@pytest.mark.parametrize("cls, field, hint", list(numbers()), ids=named)
def test_a_default_is_within_its_bounds(cls, field, hint):
    if field.default not in (dataclasses.MISSING, None):
        value = list(field.default) if isinstance(field.default, tuple) else field.default
        one = dataclasses.make_dataclass("One", [("x", hint)], frozen=True)
        assert build(one, {"x": value}).x == field.default


@pytest.mark.parametrize(
    "cls, good, wrong",
    [
        (Training, TRAINING, {"batch_size": 1}),
        (Training, TRAINING, {"learning_rate": 0}),
        (Training, TRAINING, {"learning_rate": float("inf")}),
        (Training, TRAINING, {"learning_rate": float("nan")}),
        (Training, TRAINING, {"steps": 0}),
        (Training, TRAINING, {"warmup": 1.5}),
        (Training, TRAINING, {"warmup": -0.1}),
        (Training, TRAINING, {"floor": -1}),
        (Training, TRAINING, {"clip": -1}),
        (Training, TRAINING, {"clip": 0}),
        (Training, TRAINING, {"seed": -1}),
        (Training, TRAINING, {"accumulate": 0}),
        (Training, TRAINING, {"ema": 1}),
        (Training, TRAINING, {"ema": 0}),
        (Training, TRAINING, {"evaluate_every": -1}),
        (Training, TRAINING, {"checkpoint_every": -3}),
        (Training, TRAINING, {"checkpoint_minutes": -1}),
        (UpdateRule, {"type": "adamw"}, {"decay": -1}),
        (UpdateRule, {"type": "adamw"}, {"beta2": 1}),
        (UpdateRule, {"type": "adamw"}, {"eps": 0}),
        (UpdateRule, {"type": "sgd"}, {"momentum": 1.0}),
        (Crop, {}, {"area": [2, 3]}),
        (Crop, {}, {"area": [0.9, 0.5]}),
        (Crop, {}, {"area": [0, 1]}),
        (Crop, {}, {"area": [0.5]}),
        (Crop, {}, {"ratio": [2, 1]}),
        (Crop, {}, {"std": [0.2, 0.2, 0]}),
        (Crop, {}, {"crop_pct": 0}),
        (Crop, {}, {"erase": 1.5}),
        (ImageTower, VIT, {"width": 0}),
        (ImageTower, VIT, {"embed_dim": 0}),
        (ImageTower, VIT, {"layers": -2}),
        (ImageTower, VIT, {"leff_depth": -1}),
        (ImageTower, VIT, {"eps": 0}),
        (ImageTower, VIT, {"layers": 2**31}),  # each an object of its own: to be refused before it is made
        (Data, {"train": "scenes"}, {"workers": -1}),
        (Data, {"train": "scenes"}, {"workers": 2**31}),
        (Scenes, {}, {"size": 15}),
        (Scenes, {}, {"colors": 9}),
    ],
    ids=str,
)
def test_what_is_out_of_bounds_is_refused_by_its_key(cls, good, wrong):
    build(cls, good, "here")
    key = next(iter(wrong))
    with pytest.raises(UserError, match=rf"^here\.{key} is .*, expected "):
        build(cls, good | wrong, "here")


@pytest.mark.parametrize(
    "cls, good, edge",
    [
        (Training, TRAINING, {"batch_size": 2, "steps": 1, "warmup": 0, "floor": 0, "seed": 0, "accumulate": 1}),
        (Training, TRAINING, {"warmup": 2.0, "clip": 1e-9, "ema": 0.9999, "checkpoint_minutes": 0.5}),
        (UpdateRule, {"type": "adamw"}, {"decay": 0, "beta1": 0, "beta2": 0}),
        (Crop, {}, {"area": [1, 1], "ratio": [1, 1], "erase": 1, "crop_pct": 1, "mean": [0, 0, 0]}),
        (Data, {"train": "scenes"}, {"workers": 0}),
        (Scenes, {}, {"size": 16, "colors": 8, "digits": 3, "noise": 1, "count": 1}),
    ],
    ids=str,
)
def test_the_bounds_themselves_are_taken(cls, good, edge):
    build(cls, good | edge)


def test_a_temperature_that_the_first_update_would_undo_is_refused(root):
    config = lambda value: read(
        root / "configs" / "pretrain" / "tiny_clip_vit.yaml", {"method": {"temperature": value}}
    )
    assert config(0.01)[0].method.parameters()["logit_scale"].maximum >= 4.6
    with pytest.raises(UserError, match="^method.temperature is 0.009, expected a number, 0.01 or more$"):
        config(0.009)


@pytest.mark.parametrize("size", [{"width": 10**6}, {"width": 2**64}, {"embed_dim": 10**30, "width": 32}])
def test_a_method_that_no_machine_holds_is_refused_before_it_is_made(root, size):
    towers = {"image": size, "text": {"embed_dim": size.get("embed_dim", 24)}}
    with pytest.raises(
        UserError, match=r"^the method has .* numbers to learn, and \w+\.[\w.]+ alone \[.*: lower its sizes"
    ):
        read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml", {"method": towers})


def test_what_a_checkpoint_says_is_taken_as_it_is(root):
    """A run was begun with it before there were bounds, and is still to be evaluated."""
    _, mapping = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")
    method = mapping["method"] | {"crop": {"area": [2, 3], "std": [-1, 1, 1]}, "temperature": 0.001}
    with pytest.raises(UserError):
        build(Method, method, "method")
    assert build(Method, method, "method", trust=False, stored=True).crop.area == (2, 3)
    with pytest.raises(UserError, match="method.crop.area is 'no', expected a list of 2 numbers$"):
        build(Method, method | {"crop": {"area": "no"}}, "method", stored=True)


def test_an_old_run_can_still_be_evaluated(root, tmp_path, capsys):
    config, mapping = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml", {"data": {"evaluate": {"count": 9}}})
    assert config.training.warmup != 1.5
    old = {"method": {"crop": {"area": [2, 3]}}, "training": {"warmup": 1.5, "clip": -1}}
    old["data"] = {"workers": -1, "evaluate": {"noise": 1.5}}
    state = {"config": merge(mapping, old), "tokenizer": tokenizer_of(config).to_json()}
    checkpoint.save(tmp_path / "run", 0, initial_weights(config.method, 3), {}, state)
    assert evaluate.main(["--checkpoint", str(tmp_path / "run")]) == 0, capsys.readouterr().err
    assert compare(state, config.method, None, {"image"}).differing == {}  # a new run starts from it, by --init


def test_bounds_are_of_the_kinds_that_the_page_can_print():
    found = {type(bound) for _, _, hint in numbers() for bound in interval(hint)}
    assert found <= {Ge, Gt, Le, Lt, MinLen, Predicate}
