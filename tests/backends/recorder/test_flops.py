"""Floating-point operations against closed forms and against counting in plain loops."""

from dataclasses import dataclass

import pytest

from tandemclip.backends.recorder.ops import Recorder
from tandemclip.backends.recorder.record import record
from tandemclip.core.layers.attention import SelfAttention
from tandemclip.core.layers.block import FeedForward
from tandemclip.core.spec import Spec


def cost(function, *shapes, **options):
    recorder = Recorder()
    symbols = [recorder.input(str(i), shape, "float") for i, shape in enumerate(shapes)]
    getattr(recorder, function)(*symbols, **options)
    return sum(call.flops for call in recorder.program.calls)


def test_linear():
    assert cost("linear", (7, 50, 16), (24, 16), (24,)) == 2 * 7 * 50 * 16 * 24
    assert cost("linear", (7, 50, 16), (24, 16)) == 2 * 7 * 50 * 16 * 24


def test_matmul():
    assert cost("matmul", (2, 3, 4, 5), (2, 3, 5, 6)) == 2 * 2 * 3 * 4 * 5 * 6


@pytest.mark.parametrize("size, kernel, stride, padding", [(8, 3, 1, 1), (8, 3, 2, 1), (7, 1, 1, 0), (9, 2, 2, 0)])
@pytest.mark.parametrize("groups", [1, 6])
def test_conv2d(size, kernel, stride, padding, groups):
    batch, channels = 2, 6
    places = len(range(0, size + 2 * padding - kernel + 1, stride)) ** 2
    products = places * batch * channels * (channels // groups) * kernel * kernel  # zeros of the rim are multiplied too
    shapes = (batch, channels, size, size), (channels, channels // groups, kernel, kernel)
    assert cost("conv2d", *shapes, stride=stride, padding=padding, groups=groups) == 2 * products


def test_attention():
    batch, heads, queries, keys, depth = 2, 3, 5, 7, 4
    shapes = (batch, heads, queries, depth), (batch, heads, keys, depth), (batch, heads, keys, depth)
    assert cost("attention", *shapes) == 4 * batch * heads * queries * keys * depth


def test_what_is_no_product_counts_nothing():
    assert cost("softmax", (3, 4), axis=1) == cost("layer_norm", (3, 4), (4,), (4,), eps=1e-5) == 0


@dataclass(frozen=True)
class Pair(Spec):
    def children(self):
        return {"attention": SelfAttention(16, 4), "feed_forward": FeedForward(16, 64)}

    def forward(self, ops, p, x):
        return p.feed_forward(p.attention(x))


def test_costs_are_put_down_to_the_node_that_asked():
    recording = record(Pair(), {"x": ((2, 5, 16), "float32")}, True, lambda ops, p, s: {"y": p(s["x"])})
    found = {}
    for call in recording.program.calls:
        found[call.node] = found.get(call.node, 0) + call.flops
    rows = 2 * 5
    assert {node: flops for node, flops in found.items() if flops} == {
        "attention.qkv": 2 * rows * 16 * 48,
        "attention": 4 * rows * 5 * 16,
        "attention.output": 2 * rows * 16 * 16,
        "feed_forward.expand": 2 * rows * 16 * 64,
        "feed_forward.shrink": 2 * rows * 64 * 16,
    }
