"""Parts that begin to train later than the run: when, by which bias corrections, and what becomes of them in a run that
stops and goes on.
"""

import numpy as np
import pytest
import torch

from tandemclip import backends
from tandemclip.core.config.build import build
from tandemclip.core.config.yaml_text import merge
from tandemclip.core.errors import UserError
from tandemclip.core.methods.cross_entropy import CrossEntropy
from tandemclip.core.random import generator
from tandemclip.core.spec import initial_weights
from tandemclip.core.towers.resnet import ResNet
from tandemclip.core.training import checkpoint, phases, start
from tandemclip.core.training.config import Config, read
from tandemclip.core.training.engine import Rates
from tandemclip.core.training.phases import Phases
from tandemclip.core.training.tuning import Pattern, Tuning
from tandemclip.core.training.update import AdamW
from tandemclip.tools import parity, train

RULE = AdamW(0.1, 0.9, 0.999, 1e-8)
LATER = Pattern("image.first*", frozen_for=3)


# ------------------------------------------------------------------ when
@pytest.mark.parametrize("frozen_for, steps, waits", [(0.0625, 128 * 7, 56), (0.075, 400, 30), (5, 400, 5), (0, 9, 0)])
def test_a_share_of_all_steps_or_a_number_of_them(frozen_for, steps, waits):
    assert Pattern("*", frozen_for=frozen_for).waits(steps) == waits


def test_what_is_due_begins_once_and_a_longer_run_takes_nothing_back():
    half, three = Pattern("a", frozen_for=0.5), Pattern("b", frozen_for=3)
    found = Phases(Tuning((Pattern("c"), half, three)), 10)
    assert [found.due(step) for step in (0, 2, 3, 5)] == [[], [], [three], [half, three]]
    found = found.with_begun([three], updates=2)
    assert found.due(4) == [] and found.due(5) == [half] and found.tuning.begun == {3}
    longer = Phases(found.configured, 100, phases.from_json(found.to_json()))
    assert longer.begun == {3: 2} and longer.due(49) == [] and longer.due(50) == [half]
    shorter = Phases(found.configured, 6, {3: 2, 0.5: 5})
    assert shorter.due(5) == []


def test_updates_that_were_left_out_count_in_no_part():
    """Update number 9 of a run is number 2 of a part that began behind 7 of them."""
    found = Phases(Tuning((LATER,)), 20, {3.0: 7})
    assert found.corrections(RULE, 9) == {3.0: RULE.corrections(2)}


def test_phases_by_name():
    tuning = Tuning((Pattern("image.*", frozen_for=0.25), LATER))
    assert {name: each.begun for name, each in tuning.phases(100).items()} == {
        "from step 1 on": frozenset(), "from step 4 on": {3}, "from step 26 on": {0.25, 3}
    }  # fmt: skip
    assert Tuning((Pattern("*"),)).phases(100) == {"": Tuning((Pattern("*"),))} and tuning.whole.begun == {0.25, 3}


@pytest.mark.parametrize(
    "groups, words",
    [
        ([{"match": "image.*", "frozen": True, "frozen_for": 2}], ["'image.*'", "frozen_for is 2", "one of the two"]),
        ([{"match": "*", "frozen_for": 2}], ["freezes every parameter at first"]),
        ([{"match": "image.*", "frozen_for": 2.5}], ["frozen_for is 2.5", "whole"]),
        ([{"match": "image.*", "frozen_for": -1}], ["frozen_for is -1", "0 or more"]),
    ],
)
def test_a_wrong_pattern_is_told(root, groups, words):
    _, mapping = read(root / "configs" / "finetune" / "tiny_scenes.yaml")
    with pytest.raises(UserError) as told:
        build(Config, merge(mapping, {"training": {"groups": groups}}))
    assert not [word for word in words if word not in str(told.value)], told.value


def test_what_would_never_train_is_told_before_the_first_step(root, tmp_path, capsys):
    groups = "training.groups=[{match: 'image.projection.*'}, {match: 'image.*', frozen_for: 100}]"
    assert run(root, tmp_path / "run", "--set", "init=null", groups) == 2
    assert "'image.*' is frozen for 100 of 100 steps and would never train" in capsys.readouterr().err


# ------------------------------------------------------------------ updates
def torch_s_own(method, weights, given, begins):
    """Three updates without `LATER`'s part and three with it, by torch's AdamW, which passes over what has no gradient
    -> weights; and the average of the weights, a part's from where it begins on.
    """
    late = [name for name in weights if name.startswith("image.first")]
    tensors = {name: torch.tensor(weights[name], dtype=torch.float64) for name in given[0]}
    decayed = [tensors[name] for name in tensors if tensors[name].ndim > 1]
    others = [tensors[name] for name in tensors if tensors[name].ndim <= 1]
    parts = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    rule = torch.optim.AdamW(parts, 1e-2, (0.9, 0.999), 1e-8)
    average = {name: tensor.clone() for name, tensor in tensors.items()}
    for number, gradients in enumerate(given):
        for name, tensor in tensors.items():
            waits = name in late and number < begins
            tensor.grad = None if waits else torch.from_numpy(gradients[name].astype(np.float64))
        rule.step()
        for name, tensor in tensors.items():
            average[name] = 0.9 * average[name] + 0.1 * tensor
    return tensors, average


@pytest.mark.parametrize("backend", ["torch", "mindspore"])
def test_a_part_that_begins_later_is_updated_as_torchs_adamw_does(backend):
    """Its moments begin at zero, its bias corrections at its own first update, its average at its weights."""
    method = CrossEntropy(ResNet(8, (1,), 3, width=2, stem="tiny"))
    weights, rng = initial_weights(method, 0), generator("gradients")
    names = [name for name, _ in method.all_parameters()]
    given = [{n: rng.standard_normal(weights[n].shape).astype(np.float32) for n in names} for _ in range(6)]
    found = Phases(Tuning((LATER,), average=0.9), 6)
    engine = backends.load(backend)(method, weights, RULE, tuning=found.tuning)
    for number, gradients in enumerate(given):
        if due := found.due(number):
            found = found.with_begun(due, number)
            phases.enter(engine, found.tuning)
        own = {name: array for name, array in gradients.items() if number >= 3 or not name.startswith("image.first")}
        rates = Rates(1e-2, *RULE.corrections(number + 1), 1.0, found.corrections(RULE, number + 1))
        engine.update(engine.with_gradients(own), rates)
        if number == 2:
            assert not any("image.first" in name for name in engine.moments())
            assert np.array_equal(engine.weights()["image.first.weight"], weights["image.first.weight"])
    expected, average = torch_s_own(method, weights, given, 3)
    after, remembered = engine.weights(), engine.moments()
    for name in names:
        np.testing.assert_allclose(after[name], expected[name].numpy(), rtol=1e-5, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(remembered[f"ema.{name}"], average[name].numpy(), rtol=1e-5, atol=1e-6, err_msg=name)


# ------------------------------------------------------------------ runs
def run(root, out, *more):
    config = root / "configs" / "finetune" / "tiny_scenes.yaml"
    return train.main(["--config", str(config), "--out", str(out), "--backend", "torch", *map(str, more)])


def newest(out):
    return checkpoint.load(checkpoint.latest(out))


def test_a_run_that_is_lengthened_takes_nothing_back(root, tmp_path, capsys):
    """After 5 of 8 steps the tower trains; of 40 steps it would be frozen for 10."""
    given = ["--set", "init=null", "data.evaluate=null", "training.batch_size=4"]
    assert run(root, tmp_path / "run", *given, "training.steps=8", "--max-steps", 5) == 0
    assert "step 3: image.* trains from here on" in capsys.readouterr().out
    before = newest(tmp_path / "run")
    assert before.state["begun"] == [[0.25, 2]]
    assert run(root, tmp_path / "run", "--resume", *given, "training.steps=40", "--max-steps", 7) == 0
    after = newest(tmp_path / "run")
    assert after.state["begun"] == [[0.25, 2]] and before.optimizer.keys() == after.optimizer.keys()
    assert not np.array_equal(before.model["image.first.weight"], after.model["image.first.weight"])
    assert "trains from here on" not in capsys.readouterr().out


def test_the_first_update_of_a_part_is_the_first_to_its_bias_corrections(root, tmp_path):
    """AdamW's first step is the rate in every element, wherever in the run a part begins, and however many updates
    overflowed before.
    """
    given = ["--set", "init=null", "data.evaluate=null", "training.batch_size=4", "training.precision=fp16"]
    given += ["training.learning_rate=1e-3", "training.floor=1e-3", "training.update={decay: 0, eps: 1e-12}"]
    given += ["training.groups=[{match: 'image.projection.*'}, {match: 'image.*', rate: 0.5, frozen_for: 30}]"]
    assert run(root, tmp_path / "run", *given, "--max-steps", 1) == 0
    saved = newest(tmp_path / "run")
    state = {**saved.state, "loss_scale": {"scale": 2.0**40, "good": 0, "skipped": 0, "moves": True}}
    checkpoint.save(tmp_path / "run", 1, saved.model, saved.optimizer, state)
    found = []
    for stop in (30, 31):
        assert run(root, tmp_path / "run", *given, "--resume", "--max-steps", stop) == 0
        found.append(newest(tmp_path / "run"))
    before, after = found
    skipped = before.state["loss_scale"]["skipped"]
    assert 0 < skipped < 29 and after.state["begun"] == [[30.0, 30 - skipped]]
    change = np.abs(after.model["image.stages.1.0.expand.weight"] - before.model["image.stages.1.0.expand.weight"])
    np.testing.assert_allclose(np.median(change), 0.5e-3, rtol=1e-3)


def test_minutes_are_told_by_steps_in_which_all_trains(root, tmp_path):
    """And the run that is then made begins as it would have begun."""
    config, mapping = read(root / "configs" / "finetune" / "tiny_scenes.yaml", {"init": None})
    laid_out = []

    def make_engine(config, weights):
        settings = config.training
        engine = backends.load("torch")(config.method, weights, settings.update, tuning=settings.tuning)
        original = engine.lay_out
        engine.lay_out = lambda tuning: (laid_out.append(tuning.begun), original(tuning))
        return engine

    trainer = start.begin(tmp_path / "run", config, mapping, make_engine, say=lambda text: None)
    weights = trainer.engine.weights()
    fitted = start.fit_minutes(trainer, 1e-6, say=lambda text: None)
    assert laid_out == [{0.25}, set()] and fitted.schedule.steps == 20 and fitted.step == 0
    assert all(np.array_equal(array, weights[name]) for name, array in fitted.engine.weights().items())
    fitted.train(2)
    assert {name.partition(".")[2] for name in fitted.engine.moments()} == {"bias", "image.projection.weight"}


def test_the_engines_agree_on_twenty_steps_of_either_phase(root):
    """Of one run, through the moment in which the tower begins to train."""
    config, _ = read(root / "configs" / "finetune" / "tiny_scenes.yaml", {"init": None})
    subject = parity.subject(config, initial_weights(config.method, 0), 40)
    own, others = (losses(subject, name) for name in ("torch", "mindspore"))
    apart = np.abs(np.array(own) - others) / np.abs(others)
    assert len(own) == 40 and apart.max() < 1e-3 and own[-1] < own[0]


def losses(subject, backend):
    patterns = (Pattern("image.projection.*"), Pattern("image.*", rate=0.1, frozen_for=20))
    found, seen = Phases(Tuning(patterns), 40), []
    engine = backends.load(backend)(subject.method, subject.weights, RULE, tuning=found.tuning)
    for step, batch in enumerate(subject.batches):
        if due := found.due(step):
            found = found.with_begun(due, step)
            phases.enter(engine, found.tuning)
        backward = engine.backward(batch, subject.elapsed)
        seen.append(backward.terms["loss"])
        later = found.corrections(RULE, step + 1)
        engine.update(backward, Rates(5e-3, *RULE.corrections(step + 1), 1.0, later))
    return seen
