"""One 224-px step of every full architecture, batch 2, on both engines: the loss against float64."""

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core.config import read
from tandemclip.core.data.views import batch_arrays
from tandemclip.core.interop import open_clip as open_clip_names
from tandemclip.core.interop.adapter import convert
from tandemclip.core.parity import error
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


@pytest.mark.slow
@pytest.mark.parametrize("name, preset", [("ViT-B-32-quickgelu", "vitb32"), ("ViT-B-16-quickgelu", "vitb16"), ("RN50-quickgelu", "rn50")])
def test_features_of_open_clip_weights(root, name, preset):
    """A randomly initialised open_clip model and our preset with its weights: the same features, on both engines."""
    import open_clip
    import torch

    torch.manual_seed(0)
    foreign = open_clip.create_model(name, pretrained=None, force_quick_gelu=True).eval()
    config, _ = read(root / "configs" / "pretrain" / f"clip_{preset}_yfcc15m_v2.yaml")
    state = {key: value.numpy() for key, value in foreign.state_dict().items()}
    weights = convert(state, open_clip_names.table(config.method, state), config.method)
    batch = random_batch(config.method, 2)
    with torch.no_grad():
        image = foreign.encode_image(torch.tensor(batch["image"]), normalize=True).numpy()
        text = foreign.encode_text(torch.tensor(batch["text"]).long(), normalize=True).numpy()
    for backend in backends.names():
        engine = backends.load(backend)(config.method, weights, config.training.update)
        assert error(engine.encode_image(batch["image"]), image) < 1e-5, backend
        assert error(engine.encode_text(batch["text"]), text) < 1e-5, backend
