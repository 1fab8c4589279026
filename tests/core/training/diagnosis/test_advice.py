"""When a person is told, how often, and of what part of the run."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core.data.loading.loader import batches
from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.data.sources.source import Source
from tandemclip.core.hits import Hits
from tandemclip.core.random import generator
from tandemclip.core.training import start
from tandemclip.core.training.config import read
from tandemclip.core.training.diagnosis import advice
from tandemclip.core.training.diagnosis.advice import PATIENCE, RECORDS, WINDOW, Advice, look
from tandemclip.core.training.diagnosis.pairing import PAIRS, relation
from tandemclip.core.training.engine import Rates
from tandemclip.core.training.schedule import Schedule

SIZE = 24  # more than are looked at
SMALL = "the learning rate is too small"


@dataclass(frozen=True)
class Torn(Source):
    """Every third record is broken. read: the numbers that were asked for."""

    source: Source
    read: list = field(default_factory=list)

    def __len__(self):
        return len(self.source)

    def __getitem__(self, number):
        self.read.append(number)
        if number % 3 == 0:
            raise BrokenRecord(str(number), "torn")
        return self.source[number]

    def texts(self, limit):
        return self.source.texts(limit)


@pytest.fixture
def trainer(root, tmp_path):
    training = {"batch_size": SIZE, "steps": 2000, "warmup": 4, "seed": 5}
    data = {"train": {"count": PAIRS - 1, "noise": 0.0}, "evaluate": None}
    config, mapping = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml", {"training": training, "data": data})
    engine = lambda config, weights: backends.load("torch")(config.method, weights, config.training.update)
    return start.begin(tmp_path, config, mapping, engine)


@pytest.fixture
def batch(trainer):
    with trainer.batches(1) as stream:
        return next(iter(stream))


def rows(first, last, update=0.0, loss=np.log(SIZE)):
    one = {"loss": loss, "terms": {}, "logit_scale": 2.0, "learning_rate": 1e-4, "update_norm": update}
    return [{**one, "step": step, "step_seconds": 1.0, "data_seconds": 0.0} for step in range(first, last + 1)]


def told(trainer, given, batch) -> list[tuple[int, str]]:
    """(step, what was said after it)"""
    said, step = [], 0
    shown = Advice(trainer, lambda text: said.append((step, text)))
    for row in given:
        step = row["step"]
        shown.update(row, batch)
    return said


# ------------------------------------------------------------------ when
@pytest.mark.parametrize(
    "warmup, steps, begun, at",
    [
        (4, 2000, 0, 4 + 200),  # a tenth of the run after the warm-up
        (4, 120, 0, 4 + WINDOW),  # at least so many as are looked at together
        (9, 20 * PATIENCE, 0, 9 + PATIENCE),
        (60, 70, 0, 70),  # when it ends, as it would be too late after
        (4, 2000, 300, 300 + 1 + WINDOW),  # a run that goes on has a first step of its own
    ],
)
def test_a_plateau_is_told_once_after_some_patience(trainer, batch, warmup, steps, begun, at):
    trainer.schedule, trainer.step = Schedule(1e-4, steps, warmup), begun
    said = told(trainer, rows(begun + 1, max(at + 70, steps if steps < 100 else 0)), batch)
    assert [step for step, _ in said] == [at, at] and SMALL in said[1][1]
    assert f"the loss, {np.log(SIZE):.3f} in the last {WINDOW} steps, is no better than guessing" in said[0][1]
    assert said[0][1].endswith("(ln of the batch size: 3.178). Found:") and said[1][1].startswith("- ")


def test_where_nothing_is_found_that_is_told_too(trainer, batch):
    (_, first), (_, second) = told(trainer, rows(1, 300, update=1.0), batch)
    assert "Found:" in first and second.startswith("- nothing wrong with data, gradients or learning rate; try ")


def test_a_loss_that_does_not_show_yet_what_was_learned_is_left_alone(trainer, batch):
    """The pairs of the batch are learned by heart, and the rows still say that it guesses."""
    for step in range(80):
        backward = trainer.engine.backward(batch, trainer.schedule.elapsed(step))
        trainer.engine.update(backward, Rates(2e-3, *trainer.settings.update.corrections(step + 1)))
    assert look(trainer, batch, rows(1, 50, update=1.0)) == ([], True)
    assert told(trainer, rows(1, 300, update=1.0), batch) == []


def test_remarks_are_told_once_each(trainer):
    said = []
    shown = Advice(trainer, said.append)
    found = {"a": Hits(np.ones(2), np.ones(2), chance=0.5, remarks=("odd",))}
    shown.evaluated(found)
    shown.evaluated(found)
    shown.evaluated({"a": Hits(np.ones(2), np.ones(2), chance=0.5, remarks=("odd", "even"))})
    assert said == ["remark: odd", "remark: even"]


@pytest.mark.parametrize("before", [True, False])
def test_the_end_repeats_nothing_that_was_told(trainer, batch, before):
    trainer.schedule = Schedule(1e-4, 300, 4)
    said = []
    shown = Advice(trainer, said.append)
    for row in rows(1, 300 if before else 40):
        shown.update(row, batch)
    count, trainer.step = len(said), 300
    shown.ended()
    assert (count, len(said)) == ((2, 2) if before else (0, 1))
    assert before or f"at {np.log(SIZE):.3f} (mean of its last 40 steps), no better than guessing" in said[0]


# ------------------------------------------------------------------ of what
TINY = Path(__file__).parents[4] / "configs" / "pretrain"


@pytest.mark.parametrize("name", sorted(path.stem for path in TINY.glob("tiny_*.yaml")))
def test_every_method_is_looked_at(tmp_path, name):
    """Features may be a row a sample or one a token, and compared in a way of the method's own."""
    engine = lambda config, weights: backends.load("torch")(config.method, weights, config.training.update)
    trainer = start.begin(tmp_path, *read(TINY / f"{name}.yaml"), engine)
    with trainer.batches(1) as stream:
        causes, learning = look(trainer, next(iter(stream)), rows(1, 50))
    assert (bool(causes), learning) == ((False, True) if trainer.config.method.text is None else (True, False))


@pytest.mark.parametrize("count, found", [(1, 0), (2, 1), (3, 1), (SIZE, 1)])
def test_two_pairs_are_enough_to_look_at(trainer, batch, count, found):
    causes, learning = look(trainer, {name: array[:count] for name, array in batch.items()}, rows(1, 50))
    assert len(causes) == found and learning == (count == 1)


def test_an_update_is_measured_against_the_weights_that_change(trainer, batch):
    method, weights = trainer.config.method, trainer.engine.weights()
    trained = [weights[name].ravel() for name, parameter in method.all_parameters() if parameter.trainable]
    norm = np.linalg.norm(np.concatenate(trained).astype(np.float64))
    (cause,), _ = look(trainer, batch, rows(1, 50, update=2.5e-6 * norm))
    assert SMALL in cause and "an update changes the weights by 2.5e-06 of their norm" in cause


def test_the_pairs_are_the_first_of_the_run_as_it_reads_them(trainer):
    """Each once, with the run's own crops and captions; and none of data that are too few to tell."""
    assert advice._pairs(trainer) == {}
    trainer.source = replace(trainer.source, count=PAIRS)
    views = trainer.config.method.views()
    given = {"batch_size": PAIRS, "seed": trainer.settings.seed, "start_step": 0, "stop_step": 1}
    with batches(trainer.source, views, trainer.tokenizer, **given) as stream:
        (read,) = list(stream)
    assert advice._pairs(trainer) == {"text": relation(read["image"], read["text"], generator("pairing"))}


@pytest.mark.parametrize("start_at, count", [(0, PAIRS), (700, PAIRS), (3, 10)])
def test_records_are_those_of_the_order_that_can_be_read(trainer, start_at, count):
    trainer.source = Torn(replace(trainer.source, count=count))
    found = advice.records(trainer, start_at)
    numbers = [trainer.source.order(start_at + i, 5) for i in range(min(RECORDS, count))]
    assert trainer.source.read == numbers
    assert [record.key for record in found] == [trainer.source.source[n].key for n in numbers if n % 3]


def test_loading_is_timed_on_records_that_were_not_read_just_now(trainer):
    trainer.source, trainer.step = Torn(trainer.source), 7
    waits = [{**row, "data_seconds": 0.5} for row in rows(1, 50)]
    assert advice.explain_waiting(trainer, waits).startswith("50% of the last 50 steps went into waiting for data")
    first = (7 + PATIENCE) * SIZE
    assert trainer.source.read == [trainer.source.order(first + i, 5) for i in range(RECORDS)]
