"""Recording a spec: what is used becomes an input, what is written an update, and every node is seen."""

from dataclasses import dataclass

import numpy as np
import pytest

from tandemclip.backends.recorder.ops import Recorder
from tandemclip.backends.recorder.record import record, record_step
from tandemclip.core.layers.linear import Linear
from tandemclip.core.layers.norm import BatchNorm
from tandemclip.core.methods.features import Features
from tandemclip.core.methods.method import Method
from tandemclip.core.spec import Spec


@dataclass(frozen=True)
class Twice(Spec):
    """One norm met twice, and a linear map that nothing asks for."""

    def children(self):
        return {"norm": BatchNorm(3), "unused": Linear(3, 3)}

    def forward(self, ops, p, x):
        return p.norm(p.norm(x))


def recorded(training=True):
    return record(Twice(), {"x": ((4, 3), "float32")}, training, lambda ops, p, s: {"y": p(s["x"])})


def test_only_what_is_used_is_an_input():
    assert list(recorded().program.inputs) == ["x", "norm.weight", "norm.bias", "norm.mean", "norm.variance"]


def test_nodes_are_seen_in_the_order_of_the_visits():
    recording = recorded()
    assert list(recording.nodes) == ["norm", ""] and len(recording.nodes["norm"]) == 2
    assert recording.nodes[""] == [recording.outputs["y"]] == recording.nodes["norm"][1:]


def test_the_second_visit_reads_what_the_first_wrote():
    recording = recorded()
    assert set(recording.updates) == {"norm.mean", "norm.variance"}
    ancestors, wanted = set(), [recording.updates["norm.mean"]]
    made = {output: call for call in recording.program.calls for output in call.outputs}
    while wanted:
        symbol = wanted.pop()
        if symbol in made and made[symbol] not in ancestors:
            ancestors.add(made[symbol])
            wanted += made[symbol].arguments
    assert sum(call.function == "batch_norm" for call in ancestors) == 2


def test_inference_writes_nothing():
    recording = recorded(training=False)
    assert not recording.updates
    assert {call.function for call in recording.program.calls} == {"batch_norm_inference"}


def test_a_constant_is_kept_with_its_values():
    recorder = Recorder()
    symbol = recorder.constant(np.array([[1, 2]], np.int32))
    assert (symbol.shape, symbol.kind) == ((1, 2), "int")
    assert recorder.program.constants[symbol.name].tolist() == [[1, 2]]


def test_an_error_names_the_node_and_the_shapes_it_was_given():
    with pytest.raises(ValueError) as caught:
        record(Twice(), {"x": ((4, 5), "float32")}, True, lambda ops, p, s: {"y": p(s["x"])})
    (note,) = caught.value.__notes__
    assert "norm" in note and "(4, 5)" in note


@dataclass(frozen=True)
class Pair(Spec):
    """Twice, and both visits' results with it."""

    def children(self):
        return {"norm": BatchNorm(3)}

    def forward(self, ops, p, x):
        y = p.norm(x)
        return y, p.norm(y)


def test_the_elements_of_a_tuple_are_nodes():
    recording = record(Pair(), {"x": ((4, 3), "float32")}, True, lambda ops, p, s: {"y": p(s["x"])[1]})
    assert list(recording.nodes) == ["norm", "[0]", "[1]"]
    assert recording.nodes["[0]"] + recording.nodes["[1]"] == recording.nodes["norm"]


@dataclass(frozen=True)
class Weighed(Method):
    """Chooses in numpy's own types."""

    chooses_by = ("x",)

    def encode(self, ops, p, batch):
        return Features(local={"x": batch["x"]})

    def choose(self, local):
        return {"weight": local["x"].sum(1, dtype=np.float64), "place": local["x"].argmax(1)}

    def loss(self, ops, p, features, elapsed):
        chosen = features.chosen
        picked = ops.sum(ops.pick(features.local["x"], chosen["place"]) * chosen["weight"], 0)
        return {"loss": picked / features.count}


def test_what_the_host_chooses_is_an_input_of_the_engines_types():
    program = record_step(Weighed(), {"x": ((4, 3), "float32")}).program
    assert {name: (s.shape, s.kind) for name, s in program.inputs.items()} == {
        "x": ((4, 3), "float"), "chosen:weight": ((4,), "float"), "chosen:place": ((4,), "int"),
        "elapsed step": ((), "float"), "elapsed epoch": ((), "float"),
    }  # fmt: skip
