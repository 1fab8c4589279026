"""Specs: names, initial weights, scopes, what a run sees and what an error says."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from tandemclip.backends.mindspore.engine import Engine as MindSporeEngine
from tandemclip.backends.reference.ops import Reference
from tandemclip.backends.torch.engine import Engine as TorchEngine
from tandemclip.core.methods.clip import CLIP
from tandemclip.core.spec import (
    Buffer,
    Constant,
    Normal,
    Notes,
    Parameter,
    Run,
    Scope,
    Spec,
    Uniform,
    count_parameters,
    initial_weights,
)
from tandemclip.core.towers.text import TextTransformer
from tandemclip.core.towers.vit import VisionTransformer
from tandemclip.core.training.update import AdamW


@dataclass(frozen=True)
class Scale(Spec):
    size: int
    std: float = 1.0

    def parameters(self):
        return {"factor": Parameter((self.size,), Normal(self.std))}

    def buffers(self):
        return {"count": Buffer((), Constant(0.0))}

    def forward(self, ops, p, x):
        p.update("count", p["count"] + 1)
        return x * p["factor"]

    def shifted(self, ops, p, x, by):
        return x * p["factor"] + by


@dataclass(frozen=True)
class Stack(Spec):
    size: int = 3
    depth: int = 2

    def children(self):
        return {**{f"blocks.{i}": Scale(self.size) for i in range(self.depth)}, "last": Scale(self.size)}

    def parameters(self):
        return {"bias": Parameter((self.size,), Constant(0.5)), "table": Parameter((2, self.size), Uniform(0.1))}

    def forward(self, ops, p, x):
        for i in range(self.depth):
            x = p.child(f"blocks.{i}")(x)
        return p.last(x) + p["bias"]


@dataclass(frozen=True)
class Outer(Spec):
    inner: Stack = Stack()

    def children(self):
        return {"inner": self.inner}

    def forward(self, ops, p, x):
        return p.inner(x), p.inner.last.shifted(x, 2.0)


class Trace:
    def __init__(self):
        self.seen = []

    def enter(self, path):
        self.seen.append(("enter", path))

    def leave(self, path, output):
        self.seen.append(("leave", path))


def scope(spec, training=True, watch=None):
    weights = {name: w.astype(np.float64) for name, w in initial_weights(spec, 0).items()}
    return Scope(spec, Run(Reference(), weights, training, watch=watch))


# ------------------------------------------------------------------ names
def test_parameters_are_named_by_the_path_to_them_in_a_fixed_order():
    names = [name for name, _ in Outer().all_parameters()]
    blocks = ["inner.blocks.0.factor", "inner.blocks.1.factor", "inner.last.factor"]
    assert names == ["inner.bias", "inner.table", *blocks]
    assert [name for name, _ in Outer().all_buffers()] == [name.replace("factor", "count") for name in blocks]
    assert count_parameters(Outer()) == 3 + 6 + 3 * 3


def test_a_spec_is_a_value():
    assert Outer() == Outer(Stack(3, 2)) != Outer(Stack(3, 1))
    with pytest.raises(AttributeError):
        Stack().size = 4
    spec = Stack()
    assert spec.nodes is spec.nodes  # children are made once


# ------------------------------------------------------------------ initial weights
def test_weights_depend_on_the_seed_and_the_name_alone():
    small, large = initial_weights(Stack(3, 1), 7), initial_weights(Stack(3, 4), 7)
    assert all((small[name] == large[name]).all() for name in small)
    again, other = initial_weights(Stack(3, 1), 7), initial_weights(Stack(3, 1), 8)
    assert all((small[name] == again[name]).all() for name in small)
    assert (small["last.factor"] != other["last.factor"]).all()
    assert (small["last.factor"] != small["blocks.0.factor"]).all()
    assert all(array.dtype == np.float32 for array in large.values())


def test_initialisers_draw_what_they_say():
    rng = np.random.default_rng(0)
    uniform, normal = Uniform(0.1).draw(rng, (20000,)), Normal(0.3).draw(rng, (20000,))
    assert 0.0999 < np.abs(uniform).max() <= 0.1 and abs(uniform.std() - 0.1 / 3**0.5) < 1e-3
    assert abs(normal.std() - 0.3) < 0.01 and abs(normal.mean()) < 0.01
    assert Constant(2.5).draw(rng, ()).shape == () and Constant(2.5).draw(rng, ()) == 2.5


def test_both_engines_start_with_equal_bits():
    text = TextTransformer(20, 6, 8, 1, 2, 4)
    method = CLIP(VisionTransformer(16, 8, 8, 2, 2, 4, leff_depth=1), text)
    weights = initial_weights(method, 5)
    engines = [TorchEngine(method, weights, AdamW(), device="cpu"), MindSporeEngine(method, weights, AdamW())]
    for engine in engines:
        own = engine.weights()
        assert set(own) == set(weights)
        assert all(own[name].dtype == np.float32 and (own[name] == weights[name]).all() for name in weights)


def test_what_decays():
    shapes = {(): False, (4,): False, (4, 4): True, (4, 1, 3, 3): True}
    assert {shape: Parameter(shape, Constant(0)).decays for shape in shapes} == shapes


# ------------------------------------------------------------------ scopes
def test_a_child_is_found_by_its_name_and_one_with_a_dot_by_child():
    p = scope(Outer())
    assert p.inner.child("blocks.1").path == "inner.blocks.1"
    assert (p.inner.child("blocks.1")["factor"] == p.run.arrays["inner.blocks.1.factor"]).all()
    assert (p.inner["bias"] == 0.5).all()


def test_the_whole_runs():
    p, x = scope(Outer()), np.array([1.0, -2.0, 3.0])
    arrays = p.run.arrays
    first = x * arrays["inner.blocks.0.factor"] * arrays["inner.blocks.1.factor"] * arrays["inner.last.factor"] + 0.5
    y, z = p(x)
    np.testing.assert_allclose(y, first, rtol=1e-12)
    np.testing.assert_allclose(z, x * arrays["inner.last.factor"] + 2.0, rtol=1e-12)


def test_an_unknown_name_is_answered_with_those_there_are():
    with pytest.raises(AttributeError, match="Outer has no child or method 'outer'.*inner"):
        _ = scope(Outer()).outer
    with pytest.raises(KeyError, match="inner.nothing"):
        scope(Outer()).inner["nothing"]


def test_what_was_written_is_read_in_the_same_pass_and_the_arrays_stay():
    p, x = scope(Scale(3)), np.ones(3)
    p(x)
    p(x)
    assert p["count"] == 2 and p.run.updates == {"count": 2} and p.run.arrays["count"] == 0


def test_training_is_the_runs():
    assert scope(Outer(), training=True).inner.last.training
    assert not scope(Outer(), training=False).inner.last.training


def test_a_spec_without_forward_says_so():
    @dataclass(frozen=True)
    class Silent(Spec):
        pass

    with pytest.raises(TypeError, match="Silent defines no forward"):
        scope(Silent())(1.0)


# ------------------------------------------------------------------ watches and errors
def test_a_watch_sees_every_node_enter_and_leave_other_ways_in_included():
    trace = Trace()
    scope(Outer(), watch=trace)(np.ones(3))
    path = lambda name: [("enter", name), ("leave", name)]
    inner = [*path("inner.blocks.0"), *path("inner.blocks.1"), *path("inner.last")]
    wanted = [("enter", ""), ("enter", "inner"), *inner, ("leave", "inner"), *path("inner.last.shifted"), ("leave", "")]
    assert trace.seen == wanted


def test_notes_keep_every_array_that_a_node_gave():
    notes = Notes(np.ndarray)
    y, z = scope(Outer(), watch=notes)(np.ones(3))
    inner = ["inner.blocks.0", "inner.blocks.1", "inner.last", "inner", "inner.last.shifted"]
    assert list(notes.nodes) == [*inner, "[0]", "[1]"]  # the root gave a pair
    assert notes.nodes["inner"][0] is y and notes.nodes["inner.last.shifted"][0] is z
    assert notes.nodes["[0]"][0] is y and notes.nodes["[1]"][0] is z


def test_an_element_of_a_tuple_is_an_entry_at_every_visit():
    notes, first, second = Notes(np.ndarray), np.zeros(1), np.ones(2)
    notes.leave("stages", (first, (second, None), {"no": first}))
    notes.leave("stages", (second,))
    assert list(notes.nodes) == ["stages[0]", "stages[1][0]"]
    assert [x is y for x, y in zip(notes.nodes["stages[0]"], (first, second))] == [True, True]


def test_an_error_names_the_innermost_node_once():
    with pytest.raises(ValueError) as caught:
        scope(Outer())(np.ones((2, 4)))
    assert caught.value.__notes__ == ["in inner.blocks.0, whose inputs have the shapes [(2, 4)]"]


def test_an_error_of_the_root_is_named_too():
    with pytest.raises(ValueError) as caught:
        scope(Scale(3))(np.ones(4))
    assert caught.value.__notes__ == ["in the root, whose inputs have the shapes [(4,)]"]


def test_an_error_through_another_way_in_names_it():
    with pytest.raises(ValueError) as caught:
        scope(replace(Outer(), inner=Stack(3, 0))).inner.last.shifted(np.ones(4), 1.0)
    assert "inner.last.shifted" in caught.value.__notes__[0]


@pytest.mark.parametrize("name", ["update", "path", "training", "exact"])
def test_a_child_that_a_scope_would_hide_is_refused(name):
    @dataclass(frozen=True)
    class Hidden(Spec):
        def children(self):
            return {name: Scale(2)}

    with pytest.raises(TypeError, match=f"a child '{name}', which is a scope's own name"):
        initial_weights(Hidden(), 0)


def test_a_probe_of_several_arrays_is_refused_by_name():
    @dataclass(frozen=True)
    class Two(Spec):
        def forward(self, ops, p, x):
            return x, x

    with pytest.raises(ValueError, match="gives 2 arrays"):
        Scope(Two(), Run(Reference(), {}, False, probes={("", 0): np.zeros(3)}))(np.ones(3))
