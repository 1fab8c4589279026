"""What a new run takes of a checkpoint: every name is accounted for, and constants that differ are told."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tandemclip.core.config.build import build
from tandemclip.core.data.tokenizers.trained import TrainedTokenizer
from tandemclip.core.errors import UserError
from tandemclip.core.methods.method import Method
from tandemclip.core.spec import initial_weights
from tandemclip.core.towers.positions import resized
from tandemclip.core.training.checkpoint import Checkpoint
from tandemclip.core.training.init import Init, take

VIT = {"type": "vit", "resolution": 16, "patch": 8, "width": 8, "layers": 1, "heads": 2, "embed_dim": 6}
TEXT = {"type": "text_transformer", "vocab_size": 9, "context_length": 5, "width": 8, "layers": 1, "heads": 2}
CLIP = {"type": "clip", "image": VIT, "text": TEXT | {"embed_dim": 6}}
WORDS = TrainedTokenizer.train(["red seven", "blue two"], 9)
INIT = Init("there")


def method(mapping=CLIP, **towers):
    """towers: keys laid over those of a tower."""
    return build(Method, changed(mapping, **towers))


def changed(mapping=CLIP, **towers):
    return mapping | {name: mapping[name] | keys for name, keys in towers.items()}


def saved(mapping=CLIP, tokenizer=WORDS, seed=1) -> Checkpoint:
    weights = initial_weights(build(Method, mapping), seed)
    state = {"step": 5, "config": {"method": mapping}, "tokenizer": tokenizer and tokenizer.to_json()}
    return Checkpoint(weights, {}, state, Path("there/checkpoints/step-00000005"))


def taken(init, other=None, wanted=None, tokenizer=WORDS):
    wanted = wanted or method()
    return take(init, other or saved(), wanted, tokenizer, initial_weights(wanted, 0))


def refusal(*given, **more) -> str:
    with pytest.raises(UserError) as told:
        taken(*given, **more)
    assert "\n" not in str(told.value)
    return str(told.value)


# ------------------------------------------------------------------ names
def test_without_parts_all_is_taken():
    other = saved()
    weights, account = taken(INIT, other)
    assert weights.keys() == other.model.keys() == set(account.taken)
    assert all(np.array_equal(weights[name], other.model[name]) for name in weights)
    assert not (account.resized or account.start or account.behind or account.accepted or account.unknown)


def test_without_parts_the_names_have_to_be_the_same():
    assert "another architecture: the config wants image.blocks.1." in refusal(INIT, wanted=method(image={"layers": 2}))
    more = refusal(INIT, saved(changed(image={"layers": 2})))
    count = len(initial_weights(method(image={"layers": 2}), 0)) - len(initial_weights(method(), 0))
    assert "no place for its image.blocks.1." in more and f" and {count - 1} more; use" in more
    other = saved()
    other.model["text.other"] = np.zeros(3)
    assert "no place for its text.other; use" in refusal(INIT, other)
    assert "image.projection.weight" in refusal(INIT, wanted=method(image={"embed_dim": 5}, text={"embed_dim": 5}))


def test_every_name_is_accounted_for():
    """Parts, without some of them; what is not asked for, or not there, stays at its start."""
    other = saved()
    init = Init("there", ("image.*", "!image.projection.*", "!*.bias"))
    weights, account = taken(init, other, method(image={"layers": 2}))
    wanted = {name for name in weights if name.startswith("image.") and not name.endswith("bias")}
    wanted -= {"image.projection.weight", *(name for name in weights if name.startswith("image.blocks.1."))}
    assert set(account.taken) == wanted and set(account.start) == weights.keys() - wanted
    assert set(account.behind) == other.model.keys() - wanted and not account.resized
    initial = initial_weights(method(image={"layers": 2}), 0)
    for name, array in weights.items():
        assert np.array_equal(array, (other.model if name in wanted else initial)[name]), name
    first, *lines = account.lines()
    assert first == "init from there/checkpoints/step-00000005:" and len(lines) == 3
    assert lines[0].startswith(f"  taken: {len(wanted)} (image.") and lines[0].endswith(f"and {len(wanted) - 3} more)")
    assert lines[1].startswith("  left at their start: ") and lines[2].startswith("  left behind in it: ")
    assert json.loads(json.dumps(account.to_json()))["taken"] == account.taken


def test_exclusions_alone_leave_all_others():
    _, account = taken(Init("there", ("!text.*", "!logit_scale")))
    assert account.taken == [name for name in method().declared() if name.startswith("image.")]
    assert account.start == [n for n in method().declared() if not n.startswith("image.")]


def test_taking_nothing_is_an_error():
    head = {"type": "cross_entropy", "image": VIT}
    told = refusal(Init("there", ("text.*",)), saved(head, None))
    assert told.startswith("init takes nothing: there/checkpoints") and "text.*" in told and "bias" in told


def test_a_pattern_that_matches_nothing_names_near_names():
    told = refusal(Init("there", ("image.*", "!imge.projection.*")))
    assert "init.parts: '!imge.projection.*' matches no parameter" in told and "image.projection" in told


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused_by_name(value):
    other = saved()
    other.model["text.tokens"] = other.model["text.tokens"].copy()
    other.model["text.tokens"][3, 1] = value
    assert "text.tokens holds numbers that are not finite in there" in refusal(INIT, other)
    assert "image.projection.weight" in taken(Init("there", ("image.*",)), other)[1].taken


def test_a_head_of_another_size_is_told():
    told = refusal(Init("there", ("image.*",)), wanted=method(image={"embed_dim": 5}, text={"embed_dim": 5}))
    assert "image.projection.weight has the shape [6, 8]" in told and "[5, 8] here" in told
    assert '"!image.projection.weight" in init.parts' in told


# ------------------------------------------------------------------ positions
@pytest.mark.parametrize("parts", [(), ("image.*",)])
def test_positions_are_resized_where_that_is_asked_for(parts):
    larger, other = method(image={"resolution": 32}), saved()
    init = Init("there", parts, resize_positions=True)
    weights, account = taken(init, other, larger)
    assert account.resized == ["image.positions"] and "image.positions" not in account.taken + account.start
    assert np.array_equal(weights["image.positions"], resized(other.model["image.positions"], 17))
    told = refusal(replace(init, resize_positions=False), other, larger)
    assert "image.positions" in told and ("init.resize_positions=true" in told) == bool(parts)


def test_positions_of_texts_are_no_grid():
    """Five tokens, and 17 in the config: as many as a class token and a grid have."""
    other = saved(changed(text={"context_length": 5}))
    told = refusal(Init("there", ("text.*",), True), other, method(text={"context_length": 17}))
    assert "text.positions has the shape [5, 8]" in told and "resize" not in told


def test_positions_that_are_no_grid_are_not_resized():
    other = saved()
    other.model["image.positions"] = other.model["image.positions"][:4]
    assert "image.positions has the shape [4, 8]" in refusal(
        Init("there", ("image.*",), True), other, method(image={"resolution": 32})
    )


# ------------------------------------------------------------------ constants
@pytest.mark.parametrize(
    "there, parts, name, values",
    [
        (changed(text={"eps": 1e-6}), (), "text.eps", "1e-06 there and 1e-05 here"),
        (changed(image={"eps": 1e-6}), ("image.patches.*",), "image.eps", "1e-06 there and 1e-05 here"),
        (changed(image={"activation": "gelu"}), (), "image.activation", "'gelu' there and 'quick_gelu' here"),
        (changed(image={"heads": 4}), (), "image.heads", "4 there and 2 here"),
        (changed(text={"pool": "max"}), (), "text.pool", "'max' there and 'end' here"),
        (CLIP | {"crop": {"std": [1, 1, 1]}}, (), "crop.std", "[1.0, 1.0, 1.0] there and [0.26862954"),
        (
            CLIP | {"crop": {"resize": "pillow_bicubic"}},
            (),
            "crop.resize",
            "'pillow_bicubic' there and 'antialiased' here",
        ),
    ],
)
def test_a_constant_that_differs_is_an_error_unless_it_is_accepted(there, parts, name, values):
    told = refusal(Init("there", parts), saved(there))
    assert f"{name} is {values}" in told and f"init.accept=[{name}]" in told
    _, account = taken(Init("there", parts, accept=(name,)), saved(there))
    assert account.accepted == [name] and f"  different, as accepted: 1 ({name})" in account.lines()


def test_what_only_training_asks_for_may_differ():
    there = changed(text={"initial": "0.02"}, image={"frozen_patches": True}) | {"crop": {"area": [0.5, 1.0]}}
    assert taken(INIT, saved(there))[1].taken


def test_a_part_that_is_not_taken_may_differ():
    there = changed(text={"eps": 1e-6}) | {"temperature": 0.1}
    assert taken(Init("there", ("image.*",)), saved(there, TrainedTokenizer.train(["green"], 9)))[1].taken


def test_the_pictures_of_another_method_are_compared_too():
    """PyramidCLIP's first crop is called otherwise, and a preset and an import path say the class."""
    vit = VIT | {"type": "tandemclip.core.towers.vit:VisionTransformer"}
    there = {"type": "pyramidclip", "image": vit, "text": CLIP["text"], "global_crop": {"mean": [0, 0, 0]}}
    there["weights"] = {name: float(name == "GS") for name in "GS GT GA LS LT LA RS RT RA".split()}
    told = refusal(Init("there", ("image.*",)), saved(there))
    assert "crop.mean is [0.0, 0.0, 0.0] there" in told and "image.type" not in told


def test_another_vocabulary_is_an_error():
    told = refusal(INIT, saved(tokenizer=TrainedTokenizer.train(["red two", "blue seven seven"], 9)))
    assert "tokenizer is" in told and "there and" in told and "init.accept=[tokenizer]" in told


def test_a_constant_to_accept_has_to_be_one():
    """And one of a part that is taken."""
    assert "init.accept names 'text.epz'" in refusal(Init("there", accept=("text.epz",)))
    assert "init.accept names 'image.eps'" in refusal(Init("there", ("text.*",), accept=("image.eps",)))


def test_a_foreign_class_is_not_imported_and_is_said(tmp_path, monkeypatch):
    """What its configuration says is compared; what it leaves to defaults that only the class knows is named."""
    (tmp_path / "foreign_tower.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    other = saved()
    foreign = changed(image={"type": "foreign_tower:Tower", "eps": 1e-6}) | {"type": "foreign_tower:Method"}
    other = replace(other, state={**other.state, "config": {"method": foreign}})
    init = Init("there", ("image.*",))
    assert "image.eps is 1e-06 there and 1e-05 here" in refusal(init, other)
    account = taken(replace(init, accept=("image.eps",)), other)[1]
    assert {"image.type", "image.activation", "crop.mean"} <= set(
        account.unknown
    ) and "image.heads" not in account.unknown
    assert any(line.startswith("  not compared, as it does not say them: ") for line in account.lines())
