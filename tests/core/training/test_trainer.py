"""What the trainer knows of evaluation: it is handed in, and measures what the configuration asks."""

import subprocess
import sys

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core.config.build import build
from tandemclip.core.config.yaml_text import Whole, merge
from tandemclip.core.data.loading.bad_records import write
from tandemclip.core.errors import UserError
from tandemclip.core.hits import Hits
from tandemclip.core.training import journal, start
from tandemclip.core.training.config import Config, read
from tandemclip.core.training.loss_scale import LossScale


def make_engine(config, weights):
    return backends.load("torch")(config.method, weights, config.training.update)


@pytest.fixture
def configured(root):
    def configured(**data):
        training = {"steps": 4, "evaluate_every": 2, "warmup": 0}
        return read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml", {"training": training, "data": data})

    return configured


def test_the_trainer_imports_no_evaluation_and_no_model():
    code = (
        "import sys, tandemclip.core.training.start; print([n for n in sys.modules if n.startswith(('tandemclip.core."
    )
    code += "evaluation', 'tandemclip.core.serving'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_what_is_handed_in_measures_during_and_after_training(configured, tmp_path):
    (config, mapping), asked = configured(), []

    def evaluate(config, engine, tokenizer):
        asked.append((config.data.evaluate, engine.weights()["logit_scale"], tokenizer.vocab_size))
        return {"share": Hits(np.array([len(asked), 0]), np.array([4, 0]))}

    trainer = start.begin(tmp_path, config, mapping, make_engine, evaluate=evaluate)
    assert trainer.spent == (0, 0.0)
    assert trainer.train()["share"].share == 2 / 4
    assert trainer.spent[0] == 4 and trainer.spent[1] > 0
    rows = [row.get("evaluation") for row in journal.read(tmp_path)]
    assert rows == [None, {"share": 25.0}, None, {"share": 50.0}]
    assert [evaluation for evaluation, _, _ in asked] == [config.data.evaluate] * 2 and asked[0][1] != asked[1][1]
    resumed = start.resume(tmp_path, mapping, {}, make_engine, print, evaluate)
    assert resumed.train()["share"].share == 3 / 4


def test_chance_and_queries_stand_beside_each_evaluation_and_remarks_are_said_once(configured, tmp_path, capsys):
    config, mapping = configured()
    found = {"a": Hits(np.array([1, 0]), np.array([1, 1]), chance=0.25, remarks=("odd",)), "b": Hits(*np.ones((2, 1)))}
    mapping["training"]["evaluate_every"] = 1
    trainer = start.begin(tmp_path, build(Config, mapping), mapping, make_engine, evaluate=lambda *_: found)
    assert trainer.train() is found
    rows = [row for row in journal.read(tmp_path) if "evaluation" in row]
    assert len(rows) == 4 and capsys.readouterr().out.count("remark: a: odd\n") == 1
    for row in rows:
        assert row["evaluation"] == {"a": 50, "b": 100} and row["chance"] == {"a": 25}
        assert row["queries"] == {"a": 2, "b": 1}


ENDS = "no better than guessing (ln of the batch size: 2.079)"


@pytest.mark.parametrize("rate, steps, told", [(1e-9, 12, 1), (1e-9, 11, 0), (2e-3, 12, 0)])
def test_a_run_that_ends_at_guessing_says_so_once(configured, tmp_path, capsys, rate, steps, told):
    """However short it is; not where it was stopped before its end, nor where it has learned."""
    config, mapping = configured(evaluate=None, train={"count": 8})
    mapping["training"] |= {"steps": 12 if rate < 1e-3 else 60, "evaluate_every": 0, "learning_rate": rate}
    trainer = start.begin(tmp_path, build(Config, mapping), mapping, make_engine)
    trainer.train(steps if rate < 1e-3 else None)
    assert capsys.readouterr().out.count(ENDS) == told


def test_ln_of_the_batch_is_said_of_pairs_only(root, tmp_path, capsys):
    """The cross-entropy of ten classes is ln 10 and more, which says nothing beside a batch of 8."""
    path = root / "configs" / "pretrain" / "tiny_cross_entropy_resnet.yaml"
    training = {"steps": 3, "warmup": 0, "batch_size": 8, "learning_rate": 1e-9}
    config, mapping = read(path, {"training": training, "data": {"evaluate": None}})
    start.begin(tmp_path, config, mapping, make_engine).train()
    assert "guessing" not in capsys.readouterr().out


def test_nothing_is_measured_where_nothing_asks_or_measures(configured, tmp_path):
    config, mapping = configured()
    assert start.begin(tmp_path / "a", config, mapping, make_engine).train() == {}
    config, mapping = configured(evaluate=None)
    assert start.begin(tmp_path / "b", config, mapping, make_engine, evaluate=lambda *_: 1 / 0).train() == {}


def test_what_could_not_be_measured_is_told_before_the_first_step(configured, tmp_path):
    several = {"type": "together", "sources": [{"type": "scenes"}, {"type": "scenes"}]}
    config, mapping = configured(evaluate=Whole(several))
    with pytest.raises(UserError, match="several sources with classes together"):
        start.begin(tmp_path, config, mapping, make_engine)


# ------------------------------------------------------------------ a batch of different records
def test_a_batch_larger_than_the_data_is_refused_before_the_first_step(configured, tmp_path):
    config, mapping = configured(train={"count": 7})
    assert config.training.batch_size == 8
    with pytest.raises(UserError, match="training.batch_size is 8 and data.train has 7 records .*batch_size=7 or"):
        start.begin(tmp_path, config, mapping, make_engine)
    config, mapping = configured(train={"count": 1})
    with pytest.raises(UserError, match="data.train has 1 records .*; give more records$"):
        start.begin(tmp_path, config, mapping, make_engine)
    config, mapping = configured(train={"count": 8})
    assert start.begin(tmp_path, config, mapping, make_engine).train() == {}


def test_records_that_are_left_out_do_not_count(configured, tmp_path):
    bad = tmp_path / "bad.txt"
    config, mapping = configured(train={"count": 9}, bad_records=str(bad))
    source = config.data.train
    write(bad, 9, [(3, source[3].key, "cut short")])
    start.begin(tmp_path / "a", config, mapping, make_engine)
    write(bad, 9, [(i, source[i].key, "cut short") for i in (3, 4)])
    with pytest.raises(UserError, match="training.batch_size is 8 and data.train has 7 records"):
        start.begin(tmp_path / "b", config, mapping, make_engine)


def test_a_run_that_was_begun_with_such_a_batch_goes_on(configured, tmp_path):
    config, mapping = configured(train={"count": 8})
    trainer = start.begin(tmp_path, config, mapping, make_engine)
    trainer.state["config"] = merge(mapping, {"data": {"train": {"count": 7}}})
    del trainer.state["identity"]  # of a time when nothing compared it
    trainer.train(2)
    resumed = start.resume(tmp_path, trainer.state["config"], {}, make_engine, print)
    assert len(resumed.source) == 7 and resumed.train() == {} and resumed.step == 4


def test_what_only_the_checkpoint_says_is_held_against_no_bounds(configured, tmp_path):
    config, mapping = configured()
    trainer = start.begin(tmp_path, config, mapping, make_engine)
    trainer.state["config"] = merge(mapping, {"training": {"floor": 0.0, "warmup": 1.5}})
    trainer.train(2)
    given = mapping | {"training": {k: x for k, x in mapping["training"].items() if k != "warmup"}}
    assert start.resume(tmp_path, given, {}, make_engine, print).settings.warmup == 1.5


# ------------------------------------------------------------------ from a gradient to an update
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_clipped_gradient_has_the_norm_that_is_asked_for_in_pieces_too(root, tmp_path, accumulate):
    """The first moment is 1 - beta1 of the first gradient."""
    training = {"accumulate": accumulate, "clip": 0.01}
    config, mapping = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml", {"training": training})
    trainer = start.begin(tmp_path, config, mapping, make_engine)
    trainer.train(1)
    assert journal.read(tmp_path)[0]["gradient_norm"] > 0.1
    first = [array for name, array in trainer.engine.moments().items() if name.startswith("first.")]
    norm = np.sqrt(sum(np.square(array, dtype=float).sum() for array in first))
    assert norm == pytest.approx((1 - config.training.update.beta1) * 0.01, rel=1e-5)


def test_the_first_update_is_corrected_as_the_first_behind_one_that_was_left_out(root, tmp_path):
    """Adam's first update of what does not decay is the rate, by the gradient's sign."""
    training = {"precision": "fp16", "warmup": 0}
    config, mapping = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml", {"training": training})
    make = lambda config, weights: backends.load("torch")(
        config.method, weights, config.training.update, precision="fp16"
    )
    trainer = start.begin(tmp_path, config, mapping, make)
    before = trainer.engine.weights()["logit_scale"]
    trainer.loss_scale = LossScale(2.0**60, moves=True)
    trainer.train(1)
    assert journal.read(tmp_path)[0]["skipped"] and trainer.engine.weights()["logit_scale"] == before
    trainer.loss_scale.scale, trainer.resumed = 1024.0, True
    trainer.train(2)
    change = abs(trainer.engine.weights()["logit_scale"] - before)
    assert trainer.step == 2 and change == pytest.approx(trainer.schedule(1), rel=0.02)
