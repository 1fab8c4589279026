"""What is said where steps wait for data."""

import os
import time
from dataclasses import dataclass

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core.data.records import BrokenRecord, Record
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.views.image import ImageView
from tandemclip.core.data.views.text import TextView
from tandemclip.core.training import start
from tandemclip.core.training.config import read
from tandemclip.core.training.diagnosis import waiting
from tandemclip.core.training.diagnosis.advice import WINDOW, Advice


def rows(count, seconds, waited):
    one = {"loss": 1.0, "terms": {}, "step_seconds": seconds, "data_seconds": waited}
    return [{**one, "step": step} for step in range(1, count + 1)]


@dataclass(frozen=True)
class Slow(Source):
    """Reading takes 20 ms, and the second record is broken."""

    def __len__(self):
        return 4

    def __getitem__(self, number):
        time.sleep(0.02)
        if number == 1:
            raise BrokenRecord("b", "it is broken")
        return Record("a", np.zeros((8, 8, 3), np.uint8), ("a cat",))

    def texts(self, limit):
        return iter(())


def test_stages_are_measured_and_broken_records_left_out():
    views = {"image": ImageView(4), "text": TextView("caption", 3)}
    spent = waiting.stages(Slow(), views, lambda texts, length: np.zeros((1, length), np.int32), range(4))
    assert spent["reading"] > 0.02 > spent["decoding"] >= 0
    assert max(spent, key=spent.get) == "reading" and spent["cropping and tokenising"] > 0


def explained(per_record, workers=1, waited=0.5):
    stages = dict(zip(waiting.REMEDIES, per_record))
    return waiting.explain(rows(50, 1.0, waited), 100, stages, workers)


def test_so_many_workers_as_the_steps_can_eat(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    # 100 samples a second arrive, and as half of the time is waiting, 200 could be taken; 17 ms each are 3.4 processes
    said = explained((0.002, 0.010, 0.005))
    assert said.startswith(
        "50% of the last 50 steps went into waiting for data, which came at 100 samples/s where the steps "
    )
    assert "could take 200. " in said
    assert "17.0 ms (reading 2.0 ms, decoding 10.0 ms, cropping and tokenising 5.0 ms; 59 a second and process)" in said
    assert said.endswith("set data.workers=4 (now 1; 8 cores)")
    assert "something else takes their cores" in explained((0.002, 0.010, 0.005), workers=4)


@pytest.mark.parametrize(
    "per_record, remedy", [((0.05, 0.01, 0.0), "faster disk"), ((0.0, 0.05, 0.01), "store the images smaller, little")]
)
def test_where_the_cores_do_not_suffice_the_slowest_stage_is_named(monkeypatch, per_record, remedy):
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    said = explained(per_record)
    assert "workers would be needed and there are 8 cores: " in said and remedy in said


def test_it_is_said_once_and_not_of_the_start(root, tmp_path):
    config, mapping = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")
    engine = lambda config, weights: backends.load("torch")(config.method, weights, config.training.update)
    trainer, said = start.begin(tmp_path, config, mapping, engine), []
    advice = Advice(trainer, said.append)
    for row in [{**rows(1, 100.0, 99.0)[0]}, *rows(2 * WINDOW, 1.0, 0.2)[1:]]:  # the workers start
        advice.update(row, None)
    assert not said
    for row in rows(4 * WINDOW, 1.0, 0.5)[2 * WINDOW :]:
        advice.update(row, None)
    assert len(said) == 1 and "went into waiting for data" in said[0]
