"""A loss or gradient that is not finite: the run ends before the update, and says which samples it was."""

import re

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core.console import command_line
from tandemclip.core.errors import UserError
from tandemclip.core.training import journal, start
from tandemclip.core.training.config import read
from tandemclip.tests.faults import driver

MODULE = "tandemclip.tests.faults.poisoned"
POISONED = f"data.train.type={MODULE}:Poisoned"


def begin(out, *settings):
    overrides = command_line.parse_overrides([*driver.RECORDS, "training.checkpoint_every=1", *settings])
    config, mapping = read(driver.CONFIG, overrides)

    def make_engine(config, weights):
        settings = config.training
        return backends.load("torch")(config.method, weights, settings.update, precision=settings.precision)

    return start.begin(out, config, mapping, make_engine)


@pytest.mark.parametrize("workers, precision", [(0, "fp32"), (1, "fp32"), (0, "fp16")])
def test_an_image_of_nan(tmp_path, workers, precision):
    """In the third batch, where another record is broken and has been replaced."""
    order = [begin(tmp_path, POISONED).source.order(position, 0) for position in range(16, 24)]
    settings = [POISONED, f"data.train.nan={order[2]}", f"data.train.broken=[{order[4]}]", f"data.workers={workers}"]
    trainer = begin(tmp_path, *settings, f"training.precision={precision}")
    with pytest.raises(UserError) as told:
        trainer.train()
    assert re.match(
        r"step 3: loss, gradient norm is not finite, nothing was updated; the batch held scenes/", str(told.value)
    )
    source = trainer.source
    used = order[:4] + [source.order(20, 0, "replacement")] + order[5:]
    assert used[4] not in order
    keys = [f"scenes/train/0/{number:06d}" for number in used]
    assert re.findall(r"scenes/train/0/\d+", str(told.value)) == keys
    assert_untouched(trainer, tmp_path, 2)


def test_a_gradient_of_nan(tmp_path):
    trainer = begin(tmp_path, f"method.type={MODULE}:Cusp")
    with pytest.raises(UserError, match="step 1: gradient norm is not finite, nothing was updated"):
        trainer.train()
    assert_untouched(trainer, tmp_path, 0)


def assert_untouched(trainer, out, step):
    """The engine and the disk are as `step` left them."""
    assert [row["step"] for row in journal.read(out)] == list(range(1, step + 1))
    newest = driver.newest(out)
    assert (newest.step if newest else 0) == trainer.step == step
    initial = begin(out.with_name("initial")).engine
    before = (newest.model, newest.optimizer) if newest else (initial.weights(), initial.moments())
    for found, expected in zip((trainer.engine.weights(), trainer.engine.moments()), before):
        assert found.keys() == expected.keys() and all(np.array_equal(found[name], expected[name]) for name in expected)
