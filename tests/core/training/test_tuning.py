"""Groups, frozen and evaluated parts: which parameters, at which rate, and what a step of an engine leaves alone."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.backends.judge import Subject
from tandemclip.backends.parity import compare
from tandemclip.core.config.build import build
from tandemclip.core.errors import UserError
from tandemclip.core.methods.clip import CLIP
from tandemclip.core.methods.features import START
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import Config, read
from tandemclip.core.training.engine import Rates
from tandemclip.core.training.global_batch import backward
from tandemclip.core.training.settings import Training
from tandemclip.core.training.tuning import Pattern, Tuning
from tandemclip.core.training.update import AdamW
from tandemclip.tools import parity

RULE = AdamW(0.1, 0.9, 0.999, 1e-8)
ENGINES = ["torch", "mindspore"]


@pytest.fixture(scope="module")
def resnet(root) -> Subject:
    """CLIP with BatchNorms."""
    return subject(root, "tiny_clip_rn")


def subject(root, name) -> Subject:
    config, _ = read(root / "configs" / "pretrain" / f"{name}.yaml")
    return replace(parity.subject(config, initial_weights(config.method, 0), 1), rule=RULE)


def names(method):
    return [name for name, _ in method.all_parameters()]


# ------------------------------------------------------------------ groups
def test_the_first_pattern_that_matches_holds(resnet):
    tuning = Tuning((Pattern("image.pool.*", 0.5), Pattern("image.*", 0.1, decay=0.0), Pattern("text.*", frozen=True)))
    found = {name: group for group in tuning.groups(resnet.method, RULE) for name in group.places}
    assert set(found) == {name for name in names(resnet.method) if not name.startswith("text.")}
    for name, group in found.items():
        pool, image = name.startswith("image.pool."), name.startswith("image.")
        assert group.rate == (0.5 if pool else 0.1 if image else 1.0), name
        decays = len(group.parameters[name].shape) >= 2
        assert group.decay == (0.0 if not decays or (image and not pool) else 0.1), name


def test_without_patterns_the_groups_are_those_that_decay_and_the_others(resnet):
    first, second = Tuning().groups(resnet.method, RULE)
    assert [first.decay, second.decay, first.rate, second.rate] == [0.1, 0.0, 1.0, 1.0]
    assert [len(p.shape) >= 2 for p in first.parameters.values()] == [True] * len(first.parameters)
    assert sorted([*first.places, *second.places]) == sorted(names(resnet.method))
    assert len(Tuning().groups(resnet.method, AdamW(0.0))) == 2  # so that no decay changes no sum


def test_equal_patterns_are_one_group(resnet):
    tuning = Tuning((Pattern("image.*", 0.1), Pattern("text.*", 0.1)))
    assert [(g.rate, g.decay) for g in tuning.groups(resnet.method, RULE)] == [(0.1, 0.1), (1.0, 0.0), (0.1, 0.0)]


@pytest.mark.parametrize(
    "given, words",
    [
        ({"groups": [{"match": "imgae.*"}]}, ["training.groups", "'imgae.*' matches no parameter", "image"]),
        ({"evaluated": ["image.pol.*"]}, ["training.evaluated", "'image.pol.*'", "image.pool"]),
        ({"groups": [{"match": "image.*"}, {"match": "image.pool.*"}]}, ["'image.pool.*'", "earlier", "first"]),
        ({"groups": [{"match": "*", "frozen": True}]}, ["freezes every parameter"]),
        ({"groups": [{"match": "*", "rate": 0.0}]}, ["training.groups[0].rate is 0.0, expected a number, above 0"]),
        ({"groups": [{"match": "*", "decay": -1}]}, ["training.groups[0].decay is -1, expected a number, 0 or more"]),
        ({"groups": [{"match": "*", "rat": 1}]}, ["'rat'", "training.groups[0]", "'rate'"]),
        ({"groups": "image.*"}, ["training.groups", "a list of mappings with keys match, rate, decay, frozen"]),
    ],
)
def test_a_wrong_pattern_is_told(root, given, words):
    _, mapping = read(root / "configs" / "pretrain" / "tiny_clip_rn.yaml")
    with pytest.raises(UserError) as told:
        build(Config, mapping | {"training": mapping["training"] | given})
    assert not [word for word in words if word not in str(told.value)], told.value


def test_a_list_of_groups_may_be_empty():
    training = build(Training, {"batch_size": 2, "learning_rate": 1, "steps": 1, "groups": []}, "training")
    assert training.tuning == Tuning()


# ------------------------------------------------------------------ what is in training
def test_a_node_trains_where_any_of_its_parameters_does(resnet):
    tuning = Tuning((Pattern("image.pool.output.*"), Pattern("image.*", frozen=True)), ("text.blocks.0.*",))
    training = tuning.training(resnet.method)
    paths = {"": True, "image": True, "image.pool": True, "image.pool.output": True, "image.pool.query": False}
    paths |= {"image.stem_norm.0": False, "image.stages.0.0": False, "text": True, "text.blocks.0": False}
    paths |= {"text.blocks.0.drop_path": False, "text.blocks.1.drop_path": True, "text.blocks.1": True}
    assert {path: training(path) for path in paths} == paths
    assert Tuning((Pattern("image.*", 0.5),)).training(resnet.method) is True


def test_one_parameter_that_trains_is_enough(resnet):
    training = Tuning((Pattern("*.weight", frozen=True),)).training(resnet.method)
    assert training("image.stem_norm.0") and not training("image.stem.0")


# ------------------------------------------------------------------ engines
def stepped(engine, batch, parts=1):
    """What one step changed, and the gradients that there are."""
    before = engine.weights()
    found = backward(engine, batch, START, accumulate=parts)
    engine.update(found, Rates(1e-2, *RULE.corrections(1)))
    after = engine.weights()
    return {name for name in after if not np.array_equal(before[name], after[name])}, set(engine.named_gradients(found))


@pytest.mark.parametrize("backend", ENGINES)
def test_a_frozen_part_stays_as_it_is(resnet, backend):
    """No gradient, nothing remembered, no update, and its BatchNorms' statistics stay."""
    tuning = Tuning((Pattern("image.pool.*"), Pattern("image.*", frozen=True)))
    engine = backends.load(backend)(resnet.method, resnet.weights, RULE, tuning=tuning)
    changed, gradients = stepped(engine, resnet.batches[0])
    trains = {n for n in names(resnet.method) if n.startswith("image.pool.") or not n.startswith("image.")}
    assert gradients == trains and changed == trains
    assert set(engine.moments()) == {f"{kind}.{name}" for kind in ("first", "second") for name in trains}


@pytest.mark.parametrize("backend", ENGINES)
def test_an_evaluated_part_trains_by_running_statistics(resnet, backend):
    tuning = Tuning(evaluated=("image.*",))
    engine = backends.load(backend)(resnet.method, resnet.weights, RULE, tuning=tuning)
    inference = engine.encode_image(resnet.batches[0]["image"])
    seen = engine.observe(resnet.batches[0], START)
    changed, gradients = stepped(engine, resnet.batches[0])
    assert gradients == set(names(resnet.method)) >= changed and "image.stem_norm.0.weight" in changed  # and no buffer
    plain = backends.load(backend)(resnet.method, resnet.weights, RULE).observe(resnet.batches[0], START)
    unit = seen["image"][0] / np.linalg.norm(seen["image"][0], axis=1, keepdims=True)
    np.testing.assert_allclose(unit, inference, rtol=1e-4, atol=1e-5)
    assert np.abs(plain["image"][0] - seen["image"][0]).max() > 1e-2


@pytest.mark.parametrize("backend", ENGINES)
def test_no_encoder_trains(resnet, backend):
    """In one piece and in two, where no gradient goes back to a piece: the temperature's alone is there."""
    tuning = Tuning((Pattern("image.*", frozen=True), Pattern("text.*", frozen=True)))
    engine = backends.load(backend)(resnet.method, resnet.weights, RULE, tuning=tuning)
    for parts in (1, 2):
        assert stepped(engine, resnet.batches[0], parts) == ({"logit_scale"}, {"logit_scale"})


@pytest.mark.parametrize("backend", ENGINES)
def test_the_rate_is_a_factor_of_the_group(resnet, backend):
    """SGD's first step: the change of a group is its rate times that at the full one."""
    moved = {}
    for rate in (1.0, 0.25):
        engine = backends.load(backend)(
            resnet.method, resnet.weights, RULE, tuning=Tuning((Pattern("text.*", rate, 0.0),))
        )
        engine.update(engine.with_gradients(ones(resnet.method)), Rates(0.1, *RULE.corrections(1)))
        moved[rate] = {name: array - resnet.weights[name] for name, array in engine.weights().items()}
    for name in names(resnet.method):
        factor = 0.25 if name.startswith("text.") else 1.0
        np.testing.assert_allclose(moved[0.25][name], factor * moved[1.0][name], rtol=1e-4, atol=1e-6)


def ones(method):
    return {name: np.ones(parameter.shape, np.float32) for name, parameter in method.all_parameters()}


def test_engines_agree_with_groups_frozen_and_evaluated_parts(resnet):
    tuning = Tuning(
        (Pattern("image.stages.0.*", frozen=True), Pattern("text.*", 0.3, 0.01)), ("image.stages.3.*",), average=0.9
    )
    start = replace(resnet, tuning=tuning)
    judge, engines = parity.engines(start)
    del engines[parity.EAGER]
    rows = compare(start, judge, engines)
    assert {row.level for row in rows} >= {"node", "term", "gradient", "update", "moment"}
    assert not [row for row in rows if not row.agrees]


# ------------------------------------------------------------------ a method's own
@dataclass(frozen=True)
class OnlyTexts(CLIP):
    """Locked-image tuning (Zhai et al. 2022): the image tower never trains."""

    frozen = ("image.*",)


@dataclass(frozen=True)
class Misspelt(CLIP):
    frozen = ("imgae.*",)


@pytest.mark.parametrize("backend", ENGINES)
def test_a_method_freezes_a_part(resnet, backend):
    method = OnlyTexts(resnet.method.image, resnet.method.text)
    engine = backends.load(backend)(method, resnet.weights, RULE)
    changed, gradients = stepped(engine, resnet.batches[0])
    assert changed == gradients == {name for name in names(method) if not name.startswith("image.")}


def test_a_methods_own_pattern_matches_something(root, resnet):
    config, _ = read(root / "configs" / "pretrain" / "tiny_clip_rn.yaml")
    with pytest.raises(UserError, match="Misspelt.frozen: 'imgae"):
        replace(config, method=Misspelt(resnet.method.image, resnet.method.text))
