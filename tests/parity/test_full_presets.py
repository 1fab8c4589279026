"""One 224-px step of every full architecture, batch 2, on both engines: the loss against float64."""

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core.config import read
from tandemclip.core.data.views import batch_arrays
from tandemclip.core.random import generator
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.engine import Rates

NAMES = [f"{method}_{tower}" for method in ("clip", "pyramidclip") for tower in ("rn50", "vitb32", "vitb16")]


def random_batch(method, size):
    rng, batch = generator("full presets"), {}
    for name, (shape, dtype) in batch_arrays(method.views(), size).items():
        if dtype == np.int32:
            batch[name] = rng.integers(1, method.text.vocab_size - 2, shape).astype(np.int32)
            batch[name][:, shape[1] // 2] = method.text.vocab_size - 1  # where the text ends
        else:
            ones = name in ("rois_mask", "has_objects")
            batch[name] = np.ones(shape, np.float32) if ones else rng.standard_normal(shape).astype(np.float32)
    return batch


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_step_of_a_full_preset(root, name):
    config, _ = read(root / "configs" / "pretrain" / f"{name}_yfcc15m_v2.yaml")
    method, rule = config.method, config.training.update
    weights, batch = initial_weights(method, 0), random_batch(method, 2)
    judge = backends.load("torch").float64(method, weights, rule)
    expected = judge.backward(batch, 0.0)
    del judge
    for backend in backends.names():
        engine = backends.load(backend)(method, weights, rule)
        found = engine.backward(batch, 0.0)
        for term, value in expected.terms.items():
            assert found.terms[term] == pytest.approx(value, rel=1e-4), (backend, term)
        assert found.norm == pytest.approx(expected.norm, rel=1e-3), backend
        assert np.isfinite(engine.update(found, Rates(5e-4, *rule.corrections(1))))
        del engine, found
