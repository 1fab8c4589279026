"""A program that was recorded at two batches gives at any batch what its definition gives."""

from dataclasses import dataclass

import numpy as np
import pytest

from tandemclip.backends.recorder.batch import Samples, filled, free_batch
from tandemclip.backends.recorder.ops import Symbol
from tandemclip.backends.recorder.record import record
from tandemclip.backends.reference.ops import Reference
from tandemclip.core.errors import UserError
from tandemclip.core.layers.norm import BatchNorm
from tandemclip.core.random import generator
from tandemclip.core.spec import Run, Scope, Spec, initial_weights
from tandemclip.core.towers.basic_resnet import BasicResNet
from tandemclip.core.towers.mobilenet import MobileNetV2
from tandemclip.core.towers.swin import SwinTransformer
from tandemclip.core.towers.tower import TextTower
from tandemclip.core.training.config import read
from tandemclip.tests.parity.cases import OPERATOR_FUNCTIONS

BATCHES = (1, 2, 5, 16)
TINY = [
    *("tiny_clip_vit", "tiny_clip_rn", "tiny_pyramidclip_vit", "tiny_pyramidclip_rn", "tiny_unicl_swin"),
    *("tiny_unicl_resnet", "tiny_multi_task_swin", "tiny_supcon_swin", "tiny_cross_entropy_resnet"),
]


# ------------------------------------------------------------------ running a program
def evaluate(recording, arrays, batch):
    """{name: array} of the outputs, by the judge."""
    ops, program = Reference(), recording.program
    found = {symbol.name: arrays[name] for name, symbol in program.inputs.items()}
    found |= {name: ops.constant(value) for name, value in program.constants.items()}
    for call in program.calls:
        function = OPERATOR_FUNCTIONS.get(call.function) or getattr(ops, call.function)
        outputs = function(*_known(filled(call.arguments, batch), found))
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        for symbol, value in zip(call.outputs, outputs, strict=True):
            assert np.shape(value) == filled(symbol.shape, batch), call
            found[symbol.name] = value
    return {name: found[symbol.name] for name, symbol in recording.outputs.items()}


def _known(argument, found):
    if isinstance(argument, tuple):
        return tuple(_known(item, found) for item in argument)
    return found[argument.name] if isinstance(argument, Symbol) else argument


def wide(arrays):
    return {n: a.astype(np.float64) if a.dtype.kind == "f" else a for n, a in arrays.items()}


def freed(spec, drawn, function, training=False):
    """drawn(batch): {name: array}."""
    shapes = lambda batch: {name: (array.shape, array.dtype) for name, array in drawn(batch).items()}
    return free_batch(lambda batch: record(spec, shapes(batch), training, function))


def agree(spec, drawn, function):
    recording, weights = freed(spec, drawn, function), wide(initial_weights(spec, 0))
    for batch in BATCHES:
        inputs, run = wide(drawn(batch)), Run(Reference(), weights, False)
        wanted = function(run.ops, Scope(spec, run), inputs)
        found = evaluate(recording, {**weights, **inputs}, batch)
        assert found.keys() == wanted.keys()
        for name, array in wanted.items():
            np.testing.assert_array_equal(found[name], array, err_msg=f"{name} at {batch}")


# ------------------------------------------------------------------ towers
def inputs_of(tower):
    def drawn(batch):
        rng = generator("free batch", batch)
        if isinstance(tower, TextTower):
            return {"x": rng.integers(0, tower.vocab_size, (batch, tower.context_length)).astype(np.int32)}
        return {"x": rng.standard_normal((batch, 3, tower.resolution, tower.resolution)).astype(np.float32)}

    return drawn


def everything(ops, p, symbols):
    seen = p.encode(symbols["x"])
    tokens, mask = seen.tokens
    found = {"embedding": seen.embedding, "features": seen.features, "tokens": tokens}
    found |= {} if mask is None else {"mask": mask}
    return found | {f"trunk {i}": x for i, x in enumerate(seen.trunk)}


@pytest.mark.parametrize("name", TINY)
def test_every_tower_of_the_tiny_configurations_runs_at_any_batch(root, name):
    method = read(root / "configs" / "pretrain" / f"{name}.yaml")[0].method
    for tower in (method.image, method.text):
        if tower is not None:
            agree(tower, inputs_of(tower), everything)


@pytest.mark.parametrize(
    "tower",
    [
        BasicResNet(32, (1, 1, 1, 1), 6, 2, width=4),
        BasicResNet(32, (1, 1, 1, 1), 6, 2, width=4, stem="torchvision", positions=True),
        MobileNetV2(32, 6, 2, width=4, widths=(4, 4, 4, 6, 6, 6, 8), blocks=(1,) * 7, expansion=2),
        SwinTransformer(32, 6, 4, (1, 2), (1, 2), 4, projection_bias=True),
    ],
    ids=["clip stem", "torchvision stem", "mobilenet", "swin"],
)
def test_towers_that_no_tiny_configuration_has_run_at_any_batch(tower):
    agree(tower, inputs_of(tower), everything)


@pytest.mark.parametrize("name", ["tiny_pyramidclip_vit", "tiny_pyramidclip_rn"])
def test_the_path_of_objects_runs_at_any_batch(root, name):
    tower = read(root / "configs" / "pretrain" / f"{name}.yaml")[0].method.image

    def drawn(batch):
        rng = generator("objects", batch)
        mask = (np.arange(3) < rng.integers(0, 4, (batch, 1))).astype(np.float32)
        return {"rois": rng.standard_normal((batch, 3, tower.roi.dim + 4)).astype(np.float32), "mask": mask}

    agree(tower, drawn, lambda ops, p, s: {"y": p.encode_rois(s["rois"], s["mask"])})


def test_a_grid_runs_at_any_batch(root):
    tower = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")[0].method.image
    agree(tower, inputs_of(tower), lambda ops, p, s: {"y": p.encode_grid(s["x"])})


# ------------------------------------------------------------------ what is marked
@dataclass(frozen=True)
class Bare(Spec):
    """Nothing of its own: a function of the test runs in its place."""


def rows(batch):
    return {"x": np.zeros((batch, 4, 6), np.float32)}


def test_what_is_the_batch_is_marked():
    def function(ops, p, s):
        x = ops.reshape(s["x"], (s["x"].shape[0] * 2, 12))
        return {"y": ops.matmul(x, ops.broadcast_to(ops.sum(x, (0, 1)), (12, 5)))}

    recording = freed(Bare(), rows, function)
    assert recording.program.inputs["x"].shape == (Samples(1), 4, 6)
    reshape, total, spread, product = recording.program.calls
    assert reshape.arguments[1] == (Samples(2), 12) and spread.arguments[1] == (12, 5)
    assert total.outputs[0].shape == () and recording.outputs["y"].shape == (Samples(2), 5)
    assert product.flops == Samples(2 * 2 * 12 * 5)
    assert filled((Samples(2), 12, (Samples(1),)), 7) == (14, 12, (7,))


def spread(ops, x, size):
    return ops.broadcast_to(ops.sum(x, (0, 1, 2)), (size,))


REFUSED = {
    "a constant": (
        lambda ops, p, s: {"y": ops.sum(s["x"], (1, 2)) + ops.constant(np.arange(s["x"].shape[0], dtype=np.float32))},
        "a constant depends on the batch",
    ),
    "a factor": (
        lambda ops, p, s: {"y": s["x"] * (1 / s["x"].shape[0])},
        "multiply is given 0.5 at a batch of 2 and 0.333",
    ),
    "a slice": (lambda ops, p, s: {"y": s["x"][: s["x"].shape[0] - 1]}, "getitem is given slice"),
    "a row": (lambda ops, p, s: {"y": s["x"][s["x"].shape[0] - 1]}, "getitem is given 1 at a batch of 2 and 2 at"),
    "a constant of another size": (
        lambda ops, p, s: {"y": ops.sum(ops.constant(np.ones(s["x"].shape[0] + 1, np.float32)), 0) + s["x"]},
        "a constant depends on the batch",
    ),
    "a size, odd": (
        lambda ops, p, s: {"y": spread(ops, s["x"], s["x"].shape[0] + 3)},
        "a size is 5 at a batch of 2 and 6",
    ),
    "a size, even": (
        lambda ops, p, s: {"y": spread(ops, s["x"], 2 * s["x"].shape[0] - 2)},
        "a size is 2 .* and 4 at 3",
    ),
    "other functions": (
        lambda ops, p, s: {"y": ops.exp(s["x"]) if s["x"].shape[0] > 2 else ops.tanh(s["x"])},
        "other functions are called",
    ),
    "more functions": (
        lambda ops, p, s: {"y": sum((s["x"][i] for i in range(1, s["x"].shape[0])), s["x"][0])},
        "other functions are called",
    ),
    "other names": (lambda ops, p, s: {f"y{s['x'].shape[0]}": ops.exp(s["x"])}, "the names"),
    "a list as long as the batch": (
        lambda ops, p, s: {"y": ops.stack((s["x"],) * s["x"].shape[0], 0)},
        "stack is given 2 arrays at a batch of 2 and 3 arrays at a batch of 3",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_ties_a_program_to_its_batch_is_refused(what):
    function, sentence = REFUSED[what]
    with pytest.raises(UserError, match=sentence) as caught:
        freed(Bare(), rows, function)
    assert str(caught.value).startswith("the root: ") and "\n" not in str(caught.value)


def test_a_refusal_names_the_node():
    @dataclass(frozen=True)
    class Outer(Spec):
        def children(self):
            return {"norm": BatchNorm(4)}

        def forward(self, ops, p, x):
            return p.norm(ops.sum(x, 2))

    with pytest.raises(UserError, match="^norm: multiply is given"):  # of the variance, by the number of samples
        freed(Outer(), rows, lambda ops, p, s: {"y": p(s["x"])}, training=True)
