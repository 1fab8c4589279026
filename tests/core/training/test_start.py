"""How a run goes on: what an update rule remembers, and the average of the weights."""

import re

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core import statistics_file
from tandemclip.core.console.command_line import parse_overrides
from tandemclip.core.data.tokenizers.tokenizer import from_json
from tandemclip.core.evaluation.configured import evaluate_run
from tandemclip.core.serving.model import open_model
from tandemclip.core.training import checkpoint, journal, start
from tandemclip.core.training.config import read
from tandemclip.tools import train

EMA = ["--set", "training.ema=0.9", "training.learning_rate=1e-2", "training.warmup=0", "training.steps=8"]
SGD = ["--set", "training.update={type: sgd}", "training.learning_rate=1e-3", "training.steps=6"]


@pytest.fixture
def config(root):
    return root / "configs" / "pretrain" / "tiny_clip_rn.yaml"


def run(config, out, *more):
    return train.main(["--config", str(config), "--out", str(out), *map(str, more)])


def begin(path, out, overrides):
    config, mapping = read(path, parse_overrides(overrides))
    settings = config.training

    def make_engine(config, weights):
        return backends.load("torch")(config.method, weights, settings.update, precision=settings.precision)

    return start.begin(out, config, mapping, make_engine)


def newest(out):
    return checkpoint.load(checkpoint.latest(out))


def same(one, other):
    arrays = [{**saved.model, **saved.optimizer} for saved in (one, other)]
    return arrays[0].keys() == arrays[1].keys() and all(np.array_equal(a, arrays[1][n]) for n, a in arrays[0].items())


# ------------------------------------------------------------------ what a rule remembers
def test_sgd_goes_on_from_a_checkpoint_that_has_second_moments(config, tmp_path, capsys):
    """Checkpoints up to 2da36b7 have two of every rule; SGD never changed the second."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run(config, whole, *SGD, "--max-steps", 3) == 0
    assert run(config, parts, *SGD, "--max-steps", 2) == 0
    saved = newest(parts)
    assert {name.split(".")[0] for name in saved.optimizer} == {"first"}
    second = {name.replace("first.", "second.", 1): np.zeros_like(array) for name, array in saved.optimizer.items()}
    checkpoint.save(parts, 2, saved.model, saved.optimizer | second, saved.state)
    capsys.readouterr()
    assert run(config, parts, *SGD, "--resume", "--max-steps", 3) == 0
    assert f"{len(second)} arrays of" in (said := capsys.readouterr().out) and "of no use to SGD: second.image" in said
    assert same(newest(whole), newest(parts))


@pytest.mark.parametrize("more", [0, 1, 2])
def test_moments_that_are_missing_are_told(config, tmp_path, capsys, more):
    assert run(config, tmp_path, *SGD, "--max-steps", 1) == 0
    saved = newest(tmp_path)
    for name in ["first.logit_scale", *sorted(saved.optimizer)[-more:]][: 1 + more]:
        saved.optimizer.pop(name)
    checkpoint.save(tmp_path, 1, saved.model, saved.optimizer, saved.state)
    assert run(config, tmp_path, *SGD, "--resume") == 2
    told = capsys.readouterr().err
    also = f" and {more} more" if more else ""
    assert re.search(rf"lacks first\.[\w.]+{also}, from which SGD would go on", told) and told.count("\n") == 1


def test_the_skipped_updates_of_a_run_outlive_it(config, tmp_path):
    """A scale that fell to 1 stays where it was, and bias corrections go on counting what was updated."""
    low = ["--set", "training.precision=fp16", "training.steps=6"]
    assert run(config, tmp_path, *low, "--max-steps", 1) == 0
    saved = newest(tmp_path)
    state = {**saved.state, "loss_scale": {"scale": 1.0, "good": 4, "skipped": 1}}
    checkpoint.save(tmp_path, 1, saved.model, saved.optimizer, state)
    assert run(config, tmp_path, *low, "--resume", "--max-steps", 2) == 0
    assert newest(tmp_path).state["loss_scale"] == {"scale": 1.0, "good": 5, "skipped": 1, "moves": True}
    assert journal.read(tmp_path)[-1]["loss_scale"] == 1.0


def test_the_first_update_that_is_made_is_the_first_to_bias_corrections(config, tmp_path):
    """AdamW's first step is the learning rate in every element, however many updates overflowed before."""
    update = "training.update={type: adamw, decay: 0, eps: 1e-12}"
    rate = ["training.learning_rate=1e-3", "training.floor=1e-3", "training.warmup=0"]
    low = ["--set", "training.precision=fp16", "training.steps=40", *rate, update]
    begin(config, tmp_path, low[1:]).train(0)
    saved = newest(tmp_path)
    state = {**saved.state, "loss_scale": {"scale": 2.0**30, "good": 0, "skipped": 0, "moves": True}}
    checkpoint.save(tmp_path, 0, saved.model, saved.optimizer, state)
    assert run(config, tmp_path, *low, "--resume", "--max-steps", 25) == 0
    rows = journal.read(tmp_path)
    made = next(row for row in rows if not row["skipped"])
    assert rows[1]["skipped"]
    length = 1e-3 * sum(array.size for name, array in saved.optimizer.items() if name.startswith("first.")) ** 0.5
    assert 0.75 * length < made["update_norm"] < 1.001 * length  # words that no caption has get no gradient


# ------------------------------------------------------------------ the average of the weights
def test_an_average_changes_no_weight_and_goes_on_bit_identically(config, tmp_path):
    plain, whole, parts = (tmp_path / name for name in ("plain", "whole", "parts"))
    assert run(config, plain, *EMA, "training.ema=null", "--max-steps", 4) == 0
    assert run(config, whole, *EMA, "training.evaluate_every=3", "--max-steps", 4) == 0
    assert run(config, parts, *EMA, "training.evaluate_every=3", "--max-steps", 2) == 0
    assert run(config, parts, *EMA, "training.evaluate_every=3", "--resume", "--max-steps", 4) == 0
    assert same(newest(whole), newest(parts))
    saved = newest(plain)
    assert all(np.array_equal(array, newest(whole).model[name]) for name, array in saved.model.items())
    averages = {
        name.removeprefix("ema."): array for name, array in newest(whole).optimizer.items() if name[:3] == "ema"
    }
    assert averages.keys() == {n.removeprefix("first.") for n in saved.optimizer if n.startswith("first.")}
    assert all((averages[name] != saved.model[name]).any() for name in ("logit_scale", "text.tokens"))


@pytest.mark.parametrize("backend", ["torch", "mindspore"])
def test_evaluation_takes_the_average(root, tmp_path, backend):
    config = root / "configs" / "pretrain" / "tiny_clip_vit.yaml"
    assert run(config, tmp_path, "--backend", backend, *EMA, "training.evaluate_every=2", "--max-steps", 3) == 0
    assert run(config, tmp_path, "--backend", backend, *EMA, "training.evaluate_every=2", "--resume") == 0
    saved, (given, _) = newest(tmp_path), read(config)
    average = {name.removeprefix("ema."): array for name, array in saved.optimizer.items() if name.startswith("ema.")}
    measured = {}
    for name, weights in (("raw", saved.model), ("average", {**saved.model, **average})):
        engine = backends.load(backend)(given.method, weights, given.training.update)
        measured[name] = evaluate_run(given, engine, from_json(saved.state["tokenizer"]))
    found = statistics_file.load(tmp_path / "hits.safetensors")
    same_hits = lambda name: all(np.array_equal(found[key].right, each.right) for key, each in measured[name].items())
    assert same_hits("average") and not same_hits("raw")
    model = open_model(tmp_path, backends.load(backend))  # as tools/evaluate.py and the API open it
    assert all(np.array_equal(model.engine.weights()[name], array) for name, array in average.items())


@pytest.mark.parametrize("name, said", [("tiny_clip_rn", True), ("tiny_clip_vit", False)])
def test_pieces_of_another_size_are_told_where_a_batch_norm_sees_them(root, tmp_path, capsys, name, said):
    config = root / "configs" / "pretrain" / f"{name}.yaml"
    assert run(config, tmp_path, "--set", "data.evaluate=null", "--max-steps", 1) == 0
    capsys.readouterr()
    given = ("--set", "data.evaluate=null", "training.accumulate=2", "--resume", "--max-steps", 2)
    assert run(config, tmp_path, *given) == 0
    assert ("training.accumulate 1 -> 2" in capsys.readouterr().out) == said


@pytest.mark.parametrize("given, said", [((), False), (("training.learning_rate=1e-4",), True)])
def test_what_changes_is_told_and_nothing_where_nothing_does(config, tmp_path, capsys, given, said):
    more = ("--set", "data.evaluate=null")
    assert run(config, tmp_path, *more, "--max-steps", 1) == 0
    capsys.readouterr()
    assert run(config, tmp_path, *more, *given, "--resume", "--max-steps", 2) == 0
    assert ("from step 1 on, by the schedule of" in capsys.readouterr().out) is said
