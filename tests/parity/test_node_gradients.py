"""The gradient by what a node gave, on both engines, against finite differences of the numpy judge."""

from dataclasses import dataclass

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.backends.reference.ops import Reference
from tandemclip.core.layers.linear import Linear
from tandemclip.core.random import generator
from tandemclip.core.spec import Run, Scope, Spec, initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.update import AdamW

NODES = {
    "tiny_clip_vit": (("image.blocks.0", 0), ("image.blocks.1.attention_norm", 0), ("image.projection", 0)),
    "tiny_clip_rn": (("image.stages.0.0", 0), ("image.stages.3.0", 0)),
    "tiny_unicl_swin": (("image.stages.0.1", 0), ("image.output_norm", 0)),
}


def judged(method, weights, images, probes):
    run = Run(Reference(), {n: a.astype(np.float64) for n, a in weights.items()}, False, probes=probes)
    return float(Scope(method, run).encode_image(images.astype(np.float64)).sum())


@pytest.mark.parametrize("engine", ["torch", "mindspore"])
@pytest.mark.parametrize("name", NODES)
def test_it_is_the_slope_of_the_judge(root, name, engine):
    method = read(root / "configs" / "pretrain" / f"{name}.yaml")[0].method
    weights = initial_weights(method, 0)
    for key in weights:  # branches that start at zero would hide what is in them
        if weights[key].ndim == 1:
            weights[key] = weights[key] + np.float32(0.3)
    size = method.image.resolution
    images = generator("node gradients").standard_normal((3, 3, size, size)).astype(np.float32)
    found = backends.load(engine)(method, weights, AdamW()).node_gradients("encode_image", (images,), NODES[name])
    assert tuple(found) == NODES[name]
    for node, (value, gradient) in found.items():
        assert value.shape == gradient.shape and np.abs(gradient).max() > 0
        direction, step = generator("direction", node[0]).standard_normal(value.shape), 1e-6
        up, down = (judged(method, weights, images, {node: sign * step * direction}) for sign in (1, -1))
        slope, wanted = float((gradient * direction).sum()), (up - down) / (2 * step)
        # the sum of many terms of either sign: by the size of what is added up
        assert abs(slope - wanted) < 1e-4 * np.sqrt(np.sum(np.square(gradient * direction))), (node, slope, wanted)


@dataclass(frozen=True)
class Twice(Spec):
    """A layer that is passed two times."""

    def children(self):
        return {"linear": Linear(3, 3)}

    def both(self, ops, p, x):
        return p.linear(p.linear(x))


@pytest.mark.parametrize("engine", ["torch", "mindspore"])
def test_each_visit_has_a_gradient_of_its_own(engine):
    """Of z = y W + b the sum has the slope 1 by z, and by y that of the layer above it: sums of weights."""
    weights, x = initial_weights(Twice(), 0), generator("visits").standard_normal((2, 3)).astype(np.float32)
    weights["linear.bias"] += np.float32(0.3)
    layer = lambda rows: rows @ weights["linear.weight"].T + weights["linear.bias"]
    nodes = (("linear", 1), ("linear", 0))
    found = backends.load(engine)(Twice(), weights, AdamW()).node_gradients("both", (x,), nodes)
    first = np.broadcast_to(weights["linear.weight"].sum(0), (2, 3))
    for node, value, gradient in zip(nodes, (layer(layer(x)), layer(x)), (np.ones((2, 3)), first)):
        np.testing.assert_allclose(found[node][0], value, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found[node][1], gradient, rtol=1e-5, atol=1e-6)


def test_a_probe_reaches_one_visit_alone(root):
    method = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")[0].method
    weights = {n: a.astype(np.float64) for n, a in initial_weights(method, 0).items()}
    images = generator("visits").standard_normal((2, 3, 32, 32))
    probe = {("image.projection", 1): np.full((2, 24), 7.0)}
    scope = Scope(method, Run(Reference(), weights, False, probes=probe))
    first, second = scope.image(images), scope.image(images)
    np.testing.assert_allclose(second, first + 7.0)
