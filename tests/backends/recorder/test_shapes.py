"""The recorder refuses what some engine would: wrong shapes and kinds raise ValueError while a spec is recorded."""

import numpy as np
import pytest

from tandemclip.backends.recorder.ops import Recorder


class Symbols:
    """Symbols on demand: s(2, 3) is a float, s.int(2), s.bool(2)."""

    def __init__(self, recorder):
        self.recorder = recorder

    def make(self, kind, shape):
        return self.recorder.input(f"{len(self.recorder.program.inputs)}", shape, kind)

    def __call__(self, *shape):
        return self.make("float", shape)

    def int(self, *shape):
        return self.make("int", shape)

    def bool(self, *shape):
        return self.make("bool", shape)


WRONG = {
    "add, shapes": lambda o, s: s(3, 4) + s(3),
    "add, kinds": lambda o, s: s(3) + s.int(3),
    "add, bools": lambda o, s: s.bool(3) + s.bool(3),
    "add, a float to ints": lambda o, s: s.int(3) + 0.5,
    "add, a host array": lambda o, s: s(3) + np.ones(3),
    "add, to a host array": lambda o, s: np.ones(3) + s(3),
    "divide, ints": lambda o, s: s.int(3) / s.int(3),
    "negative, bools": lambda o, s: -s.bool(3),
    "getitem, past the end": lambda o, s: s(3)[3],
    "getitem, too many": lambda o, s: s(3)[0, 0],
    "getitem, an array": lambda o, s: s(3)[np.array([0, 1])],
    "getitem, a new axis": lambda o, s: s(3)[None],
    "getitem, a step": lambda o, s: s(3)[::2],
    "cast": lambda o, s: o.cast(s(3), "float16"),
    "exp of ints": lambda o, s: o.exp(s.int(3)),
    "maximum": lambda o, s: o.maximum(s(3), s(4)),
    "where, condition": lambda o, s: o.where(s(3), s(3), s(3)),
    "where, kinds": lambda o, s: o.where(s.bool(3), s(3), s.int(3)),
    "equal, kinds": lambda o, s: o.equal(s(3), s.int(3)),
    "equal, bools": lambda o, s: o.equal(s.bool(3), s.bool(3)),
    "less, shapes": lambda o, s: o.less(s(3), s(4)),
    "reshape": lambda o, s: o.reshape(s(3, 4), (5, 2)),
    "reshape, -1": lambda o, s: o.reshape(s(3, 4), (-1, 2)),
    "reshape, two of -1": lambda o, s: o.reshape(s(3, 4), (-3, -4)),
    "transpose, too few": lambda o, s: o.transpose(s(3, 4), (0,)),
    "transpose, twice": lambda o, s: o.transpose(s(3, 4), (0, 0)),
    "transpose, too far": lambda o, s: o.transpose(s(3, 4), (0, 2)),
    "broadcast_to": lambda o, s: o.broadcast_to(s(3, 4), (4, 4)),
    "broadcast_to, smaller": lambda o, s: o.broadcast_to(s(3, 4), (1, 4)),
    "concat": lambda o, s: o.concat((s(3, 4), s(2, 5)), 0),
    "concat, axes": lambda o, s: o.concat((s(3, 4), s(3)), 0),
    "concat, axis": lambda o, s: o.concat((s(3), s(3)), 1),
    "concat, kinds": lambda o, s: o.concat((s(3), s.int(3)), 0),
    "stack": lambda o, s: o.stack((s(3), s(4)), 0),
    "stack, axis": lambda o, s: o.stack((s(3), s(3)), 2),
    "sum, axis": lambda o, s: o.sum(s(3, 4), 2),
    "sum, no axis": lambda o, s: o.sum(s(3, 4), ()),
    "sum, an axis twice": lambda o, s: o.sum(s(3, 4), (1, -1)),
    "sum, bools": lambda o, s: o.sum(s.bool(3), 0),
    "mean, ints": lambda o, s: o.mean(s.int(3), 0),
    "max, two axes": lambda o, s: o.max(s(3, 4), (0, 1)),
    "argmax, axis": lambda o, s: o.argmax(s(3), 1),
    "logsumexp, axis": lambda o, s: o.logsumexp(s(3), -2),
    "take, float ids": lambda o, s: o.take(s(3, 4), s(2)),
    "take, no table": lambda o, s: o.take(s(3), s.int(2)),
    "pick, float ids": lambda o, s: o.pick(s(2, 3, 4), s(2)),
    "pick, another batch": lambda o, s: o.pick(s(2, 3, 4), s.int(3)),
    "pick, no places": lambda o, s: o.pick(s(2), s.int(2)),
    "pick, three axes of ids": lambda o, s: o.pick(s(2, 3, 4), s.int(2, 3, 4)),
    "pick, bools": lambda o, s: o.pick(s.bool(2, 3), s.int(2)),
    "top_k, too many": lambda o, s: o.top_k(s(2, 3), 4),
    "top_k, none": lambda o, s: o.top_k(s(2, 3), 0),
    "top_k, a scalar": lambda o, s: o.top_k(s(), 1),
    "top_k, bools": lambda o, s: o.top_k(s.bool(3), 1),
    "matmul": lambda o, s: o.matmul(s(3, 4), s(3, 4)),
    "matmul, leading": lambda o, s: o.matmul(s(2, 3, 4), s(3, 4, 5)),
    "matmul, a vector": lambda o, s: o.matmul(s(4), s(4)),
    "linear, transposed weight": lambda o, s: o.linear(s(3, 4), s(4, 5), s(5)),
    "linear, bias": lambda o, s: o.linear(s(3, 4), s(5, 4), s(4)),
    "conv2d, channels": lambda o, s: o.conv2d(s(1, 3, 5, 5), s(4, 2, 3, 3)),
    "conv2d, groups": lambda o, s: o.conv2d(s(1, 4, 5, 5), s(4, 2, 3, 3), 1, 0, 2),
    "conv2d, oblong kernel": lambda o, s: o.conv2d(s(1, 3, 5, 5), s(4, 3, 3, 1)),
    "conv2d, large kernel": lambda o, s: o.conv2d(s(1, 3, 5, 5), s(4, 3, 7, 7)),
    "conv2d, three axes": lambda o, s: o.conv2d(s(3, 5, 5), s(4, 3, 3, 3)),
    "avg_pool2d": lambda o, s: o.avg_pool2d(s(1, 3, 5, 1), 2),
    "softmax, axis": lambda o, s: o.softmax(s(3, 4), 2),
    "l2_normalize, ints": lambda o, s: o.l2_normalize(s.int(3), 1e-12),
    "layer_norm": lambda o, s: o.layer_norm(s(3, 4), s(3), s(3), 1e-5),
    "layer_norm, bias": lambda o, s: o.layer_norm(s(3, 4), s(4), s(1), 1e-5),
    "batch_norm": lambda o, s: o.batch_norm(s(3, 4), s(3), s(3), 1e-5),
    "batch_norm, low vectors": lambda o, s: o.batch_norm(s(3, 4), o.lower(s(4), "bf16"), s(4), 1e-5),
    "batch_norm, ints": lambda o, s: o.batch_norm(s.int(3, 4), s(4), s(4), 1e-5),
    "batch_norm, three axes": lambda o, s: o.batch_norm(s(3, 4, 5), s(4), s(4), 1e-5),
    "batch_norm_inference": lambda o, s: o.batch_norm_inference(s(3, 4), s(4), s(4), s(4), s(3), 1e-5),
    "attention, depth": lambda o, s: o.attention(s(2, 3, 5, 4), s(2, 3, 5, 6), s(2, 3, 5, 6)),
    "attention, keys": lambda o, s: o.attention(s(2, 3, 5, 4), s(2, 3, 5, 4), s(2, 3, 6, 4)),
    "attention, heads": lambda o, s: o.attention(s(2, 3, 5, 4), s(2, 1, 5, 4), s(2, 1, 5, 4)),
    "attention, mask": lambda o, s: o.attention(s(2, 3, 5, 4), s(2, 3, 6, 4), s(2, 3, 6, 4), s(2, 5)),
    "attention, bool mask": lambda o, s: o.attention(s(2, 3, 5, 4), s(2, 3, 5, 4), s(2, 3, 5, 4), s.bool(2, 5)),
    "attention, causal": lambda o, s: o.attention(s(2, 3, 5, 4), s(2, 3, 6, 4), s(2, 3, 6, 4), None, True),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_fit_is_refused(what):
    recorder = Recorder()
    with pytest.raises(ValueError):
        WRONG[what](recorder, Symbols(recorder))


def test_a_numpy_scalar_counts_as_a_number():
    recorder = Recorder()
    x = recorder.input("x", (3,), "float")
    for y in (x * np.float32(2), np.float64(2) * x, x - np.int64(1)):
        assert (y.shape, y.kind) == ((3,), "float")


def test_an_array_is_refused_with_both_shapes():
    recorder = Recorder()
    with pytest.raises(ValueError, match=r"\(3, 4\).*\(5, 3\)"):
        recorder.linear(recorder.input("x", (3, 4), "float"), recorder.input("w", (5, 3), "float"))
