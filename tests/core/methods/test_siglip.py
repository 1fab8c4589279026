"""SigLIP: its loss is the paper's over what its towers give, and what it starts from is the paper's."""

import math

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.backends.recorder.draws import training_views
from tandemclip.core.data.views.view import batch_arrays
from tandemclip.core.methods.features import START
from tandemclip.core.random import generator
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.update import AdamW
from tandemclip.tools import train


@pytest.fixture
def method(root):
    return read(root / "configs" / "pretrain" / "tiny_siglip_vit.yaml")[0].method


def batch_of(method, count):
    rng, batch = generator("siglip"), {}
    for name, (shape, dtype) in batch_arrays(training_views(method), count).items():
        batch[name] = (rng.integers(1, 30, shape) if dtype.kind == "i" else rng.standard_normal(shape)).astype(dtype)
    return batch


def test_the_loss_is_the_paper_s_over_what_the_towers_give(method):
    weights = initial_weights(method, 0) | {"logit_scale": np.float32(1.2), "logit_bias": np.float32(-0.7)}
    engine, batch = backends.load("torch").float64(method, weights, AdamW()), batch_of(method, 5)
    scope = engine.model.scope(True)
    given = engine._tensors(batch)
    x, y = (z / z.norm(dim=1, keepdim=True) for z in (scope.image(given["image"]), scope.text(given["text"])))
    cosines, total = (x @ y.T).tolist(), 0.0
    for i in range(5):
        for j in range(5):
            logit = math.exp(np.float32(1.2)) * cosines[i][j] + np.float32(-0.7)
            total += math.log1p(math.exp(-logit if i == j else logit))
    found = engine.backward(batch, START)
    assert found.terms["loss"] == pytest.approx(total / 5, rel=1e-12)
    gradients = engine.named_gradients(found)
    assert all(np.abs(gradients[name]).max() > 0 for name in ("logit_scale", "logit_bias", "image.projection.weight"))


def test_it_starts_as_the_paper_does(method):
    """t = 10, b = -10, no bound: at the first step the loss is about that of -10 for the pairs alone."""
    weights = initial_weights(method, 0)
    assert math.exp(weights["logit_scale"]) == pytest.approx(10, rel=1e-6) and weights["logit_bias"] == -10
    learned = dict(method.parameters())
    assert all(p.maximum is None and p.trainable and not p.decays for p in learned.values())


def test_it_trains(root, tmp_path):
    config = root / "configs" / "pretrain" / "tiny_siglip_vit.yaml"
    given = ["--config", str(config), "--out", str(tmp_path / "run"), "--set", "training.steps=3"]
    assert train.main([*given, "data.train.count=40"]) == 0
