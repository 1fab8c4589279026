"""An update in parts that fit a cache is the update of the whole."""

from dataclasses import dataclass

import numpy as np
import pytest

from tandemclip.backends.torch import engine
from tandemclip.core.methods.method import Method
from tandemclip.core.random import generator
from tandemclip.core.spec import Constant, Normal, Parameter, initial_weights
from tandemclip.core.training.engine import Rates
from tandemclip.core.training.tuning import Tuning
from tandemclip.core.training.update import AdamW


@dataclass(frozen=True)
class Clamped(Method):
    """The scalar that has a maximum lies behind others, in a part of its own."""

    def parameters(self):
        return {"bias": Parameter((7,), Normal(1.0)), "scale": Parameter((), Constant(2.0), maximum=2.0)}


@pytest.mark.parametrize("size", [1, 3, 7])
def test_parts_are_the_whole(monkeypatch, size):
    method, states = Clamped(), []
    gradients = {"bias": generator("parts").standard_normal(7), "scale": np.full((), -1.0)}  # the scale would grow
    for each in (100, size):
        monkeypatch.setattr(engine, "IN_CACHE", each)
        made = engine.Engine(method, initial_weights(method, 0), AdamW(), tuning=Tuning(average=0.5))
        for step in range(2):
            change = made.update(made.with_gradients(gradients), Rates(0.1, *AdamW().corrections(step + 1)))
        states.append({**made.weights(), **made.moments(), "change": change})
    for name, array in states[0].items():
        np.testing.assert_allclose(states[1][name], array, rtol=1e-6)
    assert (
        states[1]["scale"] == 2.0 and (states[1]["bias"] > 2.0).sum() == (initial_weights(method, 0)["bias"] > 2).sum()
    )
