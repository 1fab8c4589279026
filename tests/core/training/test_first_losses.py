"""The first ten losses of every tiny configuration are those of 2da36b7, before the shared mechanisms were changed;
LightCLIP's those of its first tests.

On the machine and threads that recorded them (one thread) they are equal to the bit; other processors sum in another
order.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core.data.loading.loader import batches
from tandemclip.core.data.views.draws import DrawsView
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.engine import Rates
from tandemclip.core.training.global_batch import backward
from tandemclip.core.training.start import tokenizer_of

RECORDED = json.loads(Path(__file__).with_name("first_losses.json").read_text())


def with_the_old_draws(views, batch):
    """SupCon's crops once had a view of draws each, keyed by its name."""
    old = [name for name in views if name.startswith("draws_")]
    return {n: a for n, a in batch.items() if n not in old} | {"draws": np.concatenate([batch[n] for n in old], 1)}


@pytest.mark.parametrize("name", RECORDED)
def test_the_first_losses_are_those_that_were_recorded(root, name):
    config, _ = read(root / "configs" / "pretrain" / f"{name}.yaml")
    settings, method = config.training, config.method
    schedule = settings.schedule(config.data.train.epoch)
    engine = backends.load("torch")(method, initial_weights(method, settings.seed), settings.update)
    views = dict(engine.views)
    if name == "tiny_supcon_swin":
        each = views.pop("draws").count // 2
        views |= {"draws_one": DrawsView(each), "draws_other": DrawsView(each)}
    stream = batches(
        config.data.train, views, tokenizer_of(config), batch_size=settings.batch_size, seed=settings.seed,
        start_step=0, stop_step=10,
    )  # fmt: skip
    losses = []
    with stream:
        for step, batch in enumerate(stream):
            batch = with_the_old_draws(views, batch) if "draws_one" in views else batch
            found = backward(engine, batch, schedule.elapsed(step))
            engine.update(found, Rates(schedule(step), *settings.update.corrections(step + 1)))
            losses.append(found.terms["loss"])
    assert losses == pytest.approx(RECORDED[name], rel=1e-5)
    assert settings.clip is None  # nothing else is between a gradient and its update
