"""A finite difference of a loss holds fixed what its gradient does not go through."""

import numpy as np

from tandemclip.backends.judge import Subject
from tandemclip.backends.parity import compare
from tandemclip.backends.reference.ops import Reference
from tandemclip.backends.rounding import TOLERANCES
from tandemclip.backends.torch.engine import Engine
from tandemclip.core.layers.linear import Linear
from tandemclip.core.methods.features import Features
from tandemclip.core.methods.method import Method
from tandemclip.core.random import generator
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.schedule import Schedule
from tandemclip.core.training.update import AdamW


class Siamese(Method):
    """Draws one product to another one, which stays where it is (Chen and He 2021)."""

    def children(self):
        return {"first": Linear(3, 4), "second": Linear(3, 4)}

    def encode(self, ops, p, batch):
        return Features({"u": p.first(batch["x"]), "v": p.second(batch["x"])})

    def loss(self, ops, p, features, elapsed):
        u, v = features.shared["u"], features.shared["v"]
        near = lambda x, target: ops.mean(ops.sum(x * ops.stop_gradient(target), 1), 0)
        return {"loss": features.part(near(u, v * v) + near(v, u * u))}


def test_the_judge_of_gradients_agrees_where_a_gradient_stops():
    method = Siamese()
    batch = {"x": generator("stopped").standard_normal((5, 3)).astype(np.float32)}
    subject = Subject(method, AdamW(), initial_weights(method, 0), [batch], Schedule(1e-3, 4, 0))
    judge = Engine.float64(method, subject.weights, AdamW())
    rows = compare(subject, judge, {"torch": Engine(method, subject.weights, AdamW())})
    assert not [row for row in rows if not row.agrees]
    assert rows[0].level == "judge" and rows[0].error < TOLERANCES["judge"]


def test_values_of_an_earlier_run_take_the_place_of_this_ones_in_order():
    first = Reference()
    assert [first.stop_gradient(x) for x in (1.0, 2.0)] == [1.0, 2.0]
    again = Reference(first.stopped)
    assert [again.stop_gradient(x) for x in (5.0, 6.0)] == [1.0, 2.0] == again.stopped
