"""How a run ends: its last evaluation, its best one, early or not, interrupted or not, and what is said of it."""

import json
import re

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core import figures
from tandemclip.core.config.yaml_text import merge
from tandemclip.core.errors import UserError
from tandemclip.core.hits import Hits
from tandemclip.core.training import checkpoint, ending, journal, start
from tandemclip.core.training.config import read
from tandemclip.tests.faults import driver

METRIC = "zero_shot/digit"  # data.evaluate measures it; the figures are the test's own
TRAINING = {"steps": 40, "evaluate_every": 2, "warmup": 0, "ema": 0.5, "keep": {"last": 1, "best": METRIC}}
# With this seed the best one is neither the first nor the last.
EARLY = {**TRAINING, "seed": 1, "stop_after": 3}


def make_engine(config, weights):
    settings = config.training
    return backends.load("torch")(config.method, weights, settings.update, tuning=settings.tuning)


def figure(weights) -> int:
    """In [0, 60), without any pattern: of weights that a step has changed a little it is another one."""
    return int(np.float64(weights["text.tokens"]).sum() * 1e7) % 60


def evaluate(config, engine, tokenizer):
    return {METRIC: Hits(np.array([figure(engine.weights())]), np.array([60]))}


@pytest.fixture
def begin(root):
    """A new run in a folder, or one that goes on."""
    path = root / "configs" / "pretrain" / "tiny_clip_vit.yaml"

    def begin(out, training, resume=False, said=print):
        config, mapping = read(path, {"training": training})
        if resume:
            return start.resume(out, mapping, {}, make_engine, said, evaluate)
        return start.begin(out, config, mapping, make_engine, evaluate=evaluate)

    return begin


def shape(run):
    """What is left of a run, without what the clock says."""
    folders = sorted(folder.name for folder in (run / "checkpoints").iterdir())
    return driver.numbers(run), folders, json.loads((run / "best.json").read_text())


def test_a_run_that_was_interrupted_ends_as_one_that_was_not(begin, tmp_path):
    """Interrupted after every step, evaluated ones and others: the same end and the same best one, bit by bit."""
    whole = begin(tmp_path / "whole", EARLY)
    assert whole.train() and whole.ended and 2 < whole.standing.best.step < whole.step < 40
    parts = begin(tmp_path / "parts", EARLY)
    for step in range(1, whole.step):
        assert parts.train(step) == {} and not parts.ended
        parts = begin(tmp_path / "parts", EARLY, resume=True)
    assert parts.train()[METRIC].share == whole._found[1][METRIC].share and parts.step == whole.step
    driver.assert_same(tmp_path / "parts", tmp_path / "whole")
    assert shape(tmp_path / "parts") == shape(tmp_path / "whole")


def test_the_best_one_is_what_was_highest_of_the_averaged_weights(begin, tmp_path):
    trainer = begin(tmp_path, TRAINING)
    trainer.train()
    found = {row["step"]: row["evaluation"][METRIC] for row in journal.read(tmp_path) if "evaluation" in row}
    assert list(found) == list(range(2, 41, 2))  # the end among them
    highest = max(found, key=found.get)
    saved = checkpoint.load(checkpoint.resolve(tmp_path / "best"))
    assert saved.step == highest < 40
    assert found[highest] == pytest.approx(100 * figure(saved.averaged) / 60)
    assert {folder.name for folder in (tmp_path / "checkpoints").iterdir()} == {saved.folder.name, "step-00000040"}


def test_a_run_stops_after_so_many_evaluations_and_goes_on_with_more(begin, tmp_path):
    trainer = begin(tmp_path, EARLY)
    trainer.train()
    figures = [percent[METRIC] for _, percent in journal.evaluations(tmp_path, 40)]
    assert len(figures) - 1 - int(np.argmax(figures)) == 3 and trainer.step == 2 * len(figures) < 40
    assert [step for step, _ in trainer.standing.evaluations] == list(range(2, trainer.step + 1, 2))  # none twice
    assert (tmp_path / journal.FILE).read_text().count("evaluation") == len(figures)
    again = begin(tmp_path, EARLY, resume=True)
    assert again.train()[METRIC].share == pytest.approx(figures[-1] / 100) and again.spent == (0, 0.0)
    assert len(journal.read(tmp_path)) == trainer.step
    more = begin(tmp_path, merge(EARLY, {"stop_after": 19}), resume=True)
    more.train()
    assert more.step == 40 and len(journal.read(tmp_path)) == 40


def test_an_end_that_was_not_measured_is_measured_when_the_run_goes_on(begin, tmp_path):
    """Killed in the evaluation at the end: the checkpoint is there by then."""
    training = {**TRAINING, "steps": 4}
    expected = begin(tmp_path / "whole", training).train()[METRIC].share
    killed = begin(tmp_path / "killed", training)
    killed.evaluate = lambda *given: evaluate(*given) if killed.step < 4 else 1 / 0
    with pytest.raises(ZeroDivisionError):
        killed.train()
    assert checkpoint.load(checkpoint.latest(tmp_path / "killed")).step == 4
    assert begin(tmp_path / "killed", training, resume=True).train()[METRIC].share == expected
    assert shape(tmp_path / "killed") == shape(tmp_path / "whole")


def test_a_best_one_whose_checkpoint_is_gone_is_said(begin, tmp_path):
    free = {**TRAINING, "steps": 12, "keep": {"last": 1}}
    begin(tmp_path, free).train(9)
    assert not (tmp_path / "best.json").exists()
    figures = dict(journal.evaluations(tmp_path, 9))
    said = []
    trainer = begin(tmp_path, {**TRAINING, "steps": 12}, resume=True)
    trainer._point_to_best(said.append)
    highest = max(figures, key=lambda step: figures[step][METRIC])
    assert re.match(
        rf"the best {METRIC} so far is [\d.]+% at step {highest}, of which there is no checkpoint; ", said[0]
    )


# ------------------------------------------------------------------ what is said
def test_what_is_said_at_the_end(begin, tmp_path):
    trainer = begin(tmp_path, TRAINING)
    found = trainer.train()
    share, time, newest, best = ending.lines(trainer, found)
    value, step = trainer.standing.best.percent, trainer.standing.best.step
    assert share == f"{figures.line(METRIC, found[METRIC])} (best: {value:.2f}% at step {step})"
    assert re.fullmatch(r"40 steps in 0:\d\d:\d\d, \d+\.\d\d steps/s \(evaluations and checkpoints included\)", time)
    assert newest == f"checkpoint, step 40: {tmp_path}/checkpoints/step-00000040"
    assert best == f"best {METRIC}, {value:.2f}% at step {step}: {tmp_path}/best"


def test_an_equal_figure_before_the_end_is_not_better(begin, tmp_path):
    trainer, half = begin(tmp_path, TRAINING), {METRIC: Hits(np.array([1]), np.array([2]))}
    trainer.standing.evaluations += [(2, {METRIC: 50.0}), (4, {METRIC: 50.0})]
    assert (
        ending.lines(trainer, half)[0].startswith(f"{METRIC}: 50.00% (2 queries")
        and "best" not in ending.lines(trainer, half)[0]
    )


def test_figures_that_say_little_are_told_at_the_end(begin, tmp_path):
    trainer = begin(tmp_path, TRAINING)
    trainer.train()
    found = {
        "a": Hits(np.array([1]), np.array([2]), chance=0.5, remarks=("odd",)),
        "b": Hits(*np.ones((2, 1)), chance=1),
    }
    told = ending.lines(trainer, found)[2:5]
    assert told[:2] == ["remark: a: odd", f"remark: b: {figures.CANNOT_FAIL}"]
    assert told[2].startswith("a is no better than guessing: ") and told[2].endswith(" by --overfit 128")


@pytest.mark.parametrize(
    "name, data",
    [("tiny_clip_vit", {"evaluate": None}), ("tiny_cross_entropy_resnet", {})],
    ids=["overfit", "no texts"],
)
def test_overfit_is_named_where_it_can_be_asked(root, tmp_path, name, data):
    """Not of pictures without texts, and not at the end of --overfit itself."""
    path = root / "configs" / "pretrain" / f"{name}.yaml"
    config, mapping = read(path, {"training": {"steps": 2, "warmup": 0}, "data": data})
    trainer = start.begin(tmp_path, config, mapping, make_engine)
    trainer.train()
    lines = ending.lines(trainer, {"a": Hits(np.array([1]), np.array([2]), chance=0.5)})
    assert lines[1].endswith("; train longer, or evaluate on more images")


def test_what_is_said_before_the_end(begin, tmp_path):
    trainer = begin(tmp_path, {**TRAINING, "keep": {"last": 1}})
    lines = ending.lines(trainer, trainer.train(3))
    assert re.fullmatch(rf"last evaluation, step 2: {METRIC} [\d.]+%", lines[0])
    assert lines[1].startswith("3 steps in 0:00:") and len(lines) == 3
    assert lines[2] == f"checkpoint, step 3: {tmp_path}/checkpoints/step-00000003"


def test_what_is_said_of_an_early_end(begin, tmp_path):
    trainer = begin(tmp_path, EARLY)
    lines = ending.lines(trainer, trainer.train())
    assert lines[1] == (
        f"stopped early, at step {trainer.step} of 40: 3 evaluations without a better {METRIC} (training.stop_after is "
        "3; a larger one with --resume goes on)"
    )


# ------------------------------------------------------------------ settings
def test_best_is_by_what_is_measured(begin, root, tmp_path):
    with pytest.raises(
        UserError, match="keep.best is 'loss', which data.evaluate does not measure; give one of zero_shot/digit"
    ):
        begin(tmp_path, {**TRAINING, "keep": {"best": "loss"}})
    with pytest.raises(UserError, match="data.evaluate is missing"):
        overrides = {"training": TRAINING, "data": {"evaluate": None}}
        read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml", overrides)
