"""Constants of a checkpoint beside one's own: each difference is named, and so is what nobody can know."""

import copy
import json
from dataclasses import fields

import pytest

from tandemclip.core.training.config import read
from tandemclip.core.training.constants import ABSENT, CROP, FREE, compare
from tandemclip.core.training.start import tokenizer_of

PARTS = {"image", "text"}


@pytest.fixture(scope="module")
def run(root):
    """(name of a config) -> its method, its tokenizer, and the state of a checkpoint of it."""
    made = {}

    def of(name):
        if name not in made:
            config, mapping = read(root / "configs" / "pretrain" / f"{name}.yaml")
            tokenizer = tokenizer_of(config)
            made[name] = config.method, tokenizer, {"config": mapping, "tokenizer": tokenizer.to_json()}
        method, tokenizer, state = made[name]
        return method, tokenizer, copy.deepcopy(state)

    return of


@pytest.mark.parametrize("name", ["tiny_clip_vit", "tiny_clip_rn", "tiny_pyramidclip_vit", "tiny_unicl_swin"])
def test_a_checkpoint_of_the_same_configuration_differs_in_nothing(run, name):
    method, tokenizer, state = run(name)
    found = compare(state, method, tokenizer, PARTS)
    crop = "global_crop" if "pyramid" in name else "crop"
    constants = [
        f"{part}.{each.name}" for part in PARTS for each in fields(method.nodes[part]) if each.name not in FREE
    ]
    expected = [*constants, "image.type", "text.type", *(f"{crop}.{each}" for each in CROP), "tokenizer"]
    assert sorted(found.names) == sorted(expected) and not found.differing and not found.unknown


# {key of the stored method: (value that is stored there, as it is told of both)}
OTHERS = {
    "image.patch": (4, 4, 8),
    "image.heads": (4, 4, 2),
    "image.eps": (0.5, 0.5, 1e-5),
    "image.leff_depth": (1, 1, 0),
    "image.activation": ("gelu", "gelu", "quick_gelu"),
    "text.pool": ("max", "max", "end"),
    "text.heads": (1, 1, 2),
}


@pytest.mark.parametrize("key", OTHERS)
def test_a_constant_that_differs_is_named_with_both_values(run, key):
    method, tokenizer, state = run("tiny_clip_vit")
    (part, name), (stored, theirs, ours) = key.split("."), OTHERS[key]
    state["config"]["method"][part][name] = stored
    assert compare(state, method, tokenizer, PARTS).differing == {key: (theirs, ours)}
    other = PARTS - {part}
    found = compare(state, method, tokenizer, other)  # it is not taken over: nobody asks
    assert not found.differing and not [each for each in found.names if each.startswith(f"{part}.")]


@pytest.mark.parametrize("name", sorted(FREE))
def test_what_names_and_shapes_tell_is_free(run, name):
    method, tokenizer, state = run("tiny_clip_vit")
    for part in PARTS:
        state["config"]["method"][part][name] = 3
    found = compare(state, method, tokenizer, PARTS)
    assert not found.differing and not found.unknown and not [each for each in found.names if each.endswith(f".{name}")]


def test_the_crop_that_inference_follows_is_looked_at_with_the_image_alone(run):
    method, tokenizer, state = run("tiny_clip_vit")
    state["config"]["method"]["crop"] = {"mean": [0.5, 0.5, 0.5], "area": [0.1, 0.2], "resize": "pillow_bicubic"}
    found = compare(state, method, tokenizer, {"image"})
    assert found.differing == {
        "crop.mean": ([0.5, 0.5, 0.5], list(method.crop.mean)), "crop.resize": ("pillow_bicubic", method.crop.resize),
    }  # fmt: skip
    assert not compare(state, method, tokenizer, {"text"}).differing


def test_another_method_is_compared_by_the_crop_that_it_has(run):
    """PyramidCLIP's is called global_crop; what differs stands under this run's name."""
    method, tokenizer, _ = run("tiny_clip_vit")
    _, _, theirs = run("tiny_pyramidclip_vit")
    theirs["config"]["method"]["global_crop"] = {"std": [1, 1, 1]}
    found = compare(theirs, method, tokenizer, PARTS)
    assert found.differing["crop.std"] == ([1, 1, 1], list(method.crop.std))
    assert found.differing["image.leff_depth"] == (2, 0) and found.differing["text.pool"] == ("max", "end")


def test_what_a_class_from_elsewhere_leaves_to_its_defaults_is_unknown(run):
    method, tokenizer, state = run("tiny_clip_vit")
    state["config"]["method"]["image"] = {"type": "nowhere_to_import:Tower", "heads": 9}
    found = compare(state, method, tokenizer, PARTS)
    assert found.differing == {"image.heads": (9, 2)}
    others = [each.name for each in fields(method.image) if each.name not in (*FREE, "heads")]
    assert found.unknown == ["image.type", *(f"image.{name}" for name in others)]
    assert {f"image.{name}" for name in others} <= {*found.names}


def test_of_another_class_of_ours_only_what_both_have_is_compared(run):
    method, tokenizer, state = run("tiny_clip_vit")
    state["config"]["method"]["image"] = {"type": "modified_resnet", "heads": 4}
    found = compare(state, method, tokenizer, PARTS)
    assert found.differing == {"image.type": ("ModifiedResNet", "VisionTransformer"), "image.heads": (4, 2)}
    assert not found.unknown and "image.eps" not in found.names


def test_a_method_from_elsewhere_says_nothing_of_its_crop(run):
    method, tokenizer, state = run("tiny_clip_vit")
    state["config"]["method"]["type"] = "nowhere_to_import:Method"
    assert compare(state, method, tokenizer, PARTS).unknown == [f"crop.{each}" for each in CROP]
    state["config"]["method"]["crop"] = {"resize": "pillow_bicubic"}
    found = compare(state, method, tokenizer, PARTS)
    assert not found.unknown and found.differing["crop.resize"][0] == "pillow_bicubic"


def test_a_part_that_the_method_makes_by_itself_is_unknown(run):
    method, tokenizer, state = run("tiny_multi_task_swin")
    parts = {*method.nodes, "no part of it"}
    assert compare(state, method, tokenizer, parts).unknown == ["auxiliary.classifier"]


def test_a_checkpoint_that_says_nothing_is_unknown_in_all(run):
    method, tokenizer, _ = run("tiny_clip_vit")
    found = compare({}, method, tokenizer, PARTS)
    assert not found.differing and {"image.type", "text.type", "image.patch", "tokenizer"} <= {*found.unknown}


# ------------------------------------------------------------------ vocabulary and classes
def stored(state):
    return json.loads(state["tokenizer"])


def test_a_word_with_another_id_is_named_the_first_by_the_alphabet(run):
    method, tokenizer, state = run("tiny_clip_vit")
    told = stored(state)
    ids = told["tokenizer"]["model"]["vocab"]
    one, other = sorted(word for word in ids if word.isalpha())[:2]
    ids[one], ids[other] = ids[other], ids[one]
    state["tokenizer"] = json.dumps(told)
    theirs, ours = compare(state, method, tokenizer, {"text"}).differing["tokenizer"]
    assert theirs == f"trained, {one!r} is {ids[one]}" and ours == f"trained, {one!r} is {ids[other]}"
    del ids[one]
    state["tokenizer"] = json.dumps(told)
    assert compare(state, method, tokenizer, {"text"}).differing["tokenizer"][0] == f"trained, {one!r} is {ABSENT}"


def test_equal_words_by_other_rules_differ(run):
    method, tokenizer, state = run("tiny_clip_vit")
    told = stored(state)
    told["tokenizer"]["normalizer"] = None
    state["tokenizer"] = json.dumps(told)
    assert compare(state, method, tokenizer, {"text"}).differing == {
        "tokenizer": ("trained", "trained with other rules")
    }
    told["kind"] = "other"
    state["tokenizer"] = json.dumps(told)
    assert compare(state, method, tokenizer, {"text"}).differing == {"tokenizer": ("other", "trained")}


def test_the_vocabulary_belongs_to_the_text(run):
    method, tokenizer, state = run("tiny_clip_vit")
    del state["tokenizer"]
    assert compare(state, method, tokenizer, {"text"}).unknown == ["tokenizer"]
    for found in (compare(state, method, tokenizer, {"image"}), compare(state, method, None, PARTS)):
        assert not found.unknown and "tokenizer" not in found.names


@pytest.mark.parametrize(
    "theirs, ours, differing, unknown",
    [
        (["a", "b"], ("a", "b"), {}, []),
        (["a", "b"], ("a", "c"), {"classes": ("class 1 is 'b'", "class 1 is 'c'")}, []),
        (["a", "b"], ("a",), {"classes": ("class 1 is 'b'", "there are 1")}, []),
        (["a", "b"], (), {}, ["classes"]),
        (None, ("a",), {}, ["classes"]),
        ([], ("a",), {}, ["classes"]),
    ],
)
def test_classes(run, theirs, ours, differing, unknown):
    method, tokenizer, state = run("tiny_clip_vit")
    found = compare(state | {"class_names": theirs}, method, tokenizer, set(), ours)
    assert (found.names, found.differing, found.unknown) == (["classes"], differing, unknown)


def test_classes_are_not_looked_at_where_none_are_taken(run):
    method, tokenizer, state = run("tiny_clip_vit")
    assert compare(state | {"class_names": ["a"]}, method, tokenizer, set()).names == []
