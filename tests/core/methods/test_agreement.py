"""How well pictures agree with their own texts: the diagonal of the similarity, with its gradient, for every method."""

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.backends.reference.ops import Reference
from tandemclip.core.random import generator
from tandemclip.core.spec import Run, Scope, initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.update import AdamW

METHODS = {
    "clip": ("tiny_clip_vit", {}),
    "pyramidclip": ("tiny_pyramidclip_rn", {}),
    "unicl": ("tiny_unicl_swin", {}),
    "lightclip": ("tiny_lightclip_swin", {}),
    "siglip": ("tiny_siglip_vit", {}),
    "slip": ("tiny_slip_vit", {}),
    "filip": ("tiny_filip_vit", {}),
    "filip_text": ("tiny_filip_vit", {"compare": "text"}),
    "filip_both": ("tiny_filip_vit", {"compare": "both"}),
    "filip_padding": ("tiny_filip_vit", {"compare": "both", "padding": True}),
}


def method_of(root, name):
    config, changes = METHODS[name]
    return read(root / "configs" / "pretrain" / f"{config}.yaml", {"method": changes})[0].method


def pairs_of(method, count=3):
    """Pictures, and texts of several lengths."""
    rng, (size, text) = generator("agreement"), (method.image.resolution, method.text)
    images = rng.standard_normal((count, 3, size, size)).astype(np.float32)
    ids = np.zeros((count, text.context_length), np.int32)
    for row, length in zip(ids, (4, text.context_length, 3)):
        row[:length] = rng.integers(2, text.vocab_size - 2, length)
        row[0], row[length - 1] = text.vocab_size - 2, text.vocab_size - 1
    return images, ids


@pytest.mark.parametrize("name", METHODS)
def test_it_is_the_diagonal_of_the_similarity(root, name):
    method = method_of(root, name)
    images, ids = pairs_of(method)
    weights = {key: x.astype(np.float64) for key, x in initial_weights(method, 0).items()}
    scope = Scope(method, Run(Reference(), weights, False))
    found = scope.agreement(images.astype(np.float64), ids)
    table = scope.similarity(scope.encode_image(images.astype(np.float64)), scope.encode_text(ids))
    assert found.shape == (3,)
    np.testing.assert_allclose(found, np.diag(table), atol=1e-12)


@pytest.mark.parametrize("name", ["clip", "filip", "filip_both"])
def test_its_gradient_is_its_slope(root, name):
    """By a node of the image tower, against differences of the numpy judge. A maximum's slope is that of its place."""
    method, node = method_of(root, name), ("image.blocks.0", 0)
    images, ids = pairs_of(method)
    weights = initial_weights(method, 0)
    engine = backends.load("torch")(method, weights, AdamW())
    value, gradient = engine.node_gradients("agreement", (images, ids), (node,))[node]

    def judged(probe):
        arrays = {key: x.astype(np.float64) for key, x in weights.items()}
        run = Run(Reference(), arrays, False, probes={node: probe})
        return float(Scope(method, run).agreement(images.astype(np.float64), ids).sum())

    direction, step = generator("direction").standard_normal(value.shape), 1e-6
    slope = (judged(step * direction) - judged(-step * direction)) / (2 * step)
    assert np.abs(gradient).max() > 0
    assert abs(float((gradient * direction).sum()) - slope) < 1e-4 * np.sqrt(np.sum(np.square(gradient * direction)))
