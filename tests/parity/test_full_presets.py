"""The full architectures, batch 2 at 224 px: one step on both engines against float64, and open_clip's own features."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core.closeness import error
from tandemclip.core.interop import open_clip as open_clip_names
from tandemclip.core.interop.adapter import convert
from tandemclip.core.training.config import read
from tandemclip.tests.parity import full_step

NAMES = [f"{method}_{tower}" for method in ("clip", "pyramidclip") for tower in ("rn50", "vitb32", "vitb16")]


def alone(function, *arguments):
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_step_of_a_full_preset(root, name):
    path = root / "configs" / "pretrain" / f"{name}_yfcc15m_v2.yaml"
    expected, norm, _ = alone(full_step.step, path, "torch", "float64")
    for backend in backends.names():
        terms, own, change = alone(full_step.step, path, backend, "engine")
        for term, value in expected.items():
            assert terms[term] == pytest.approx(value, rel=1e-4), (backend, term)
        assert own == pytest.approx(norm, rel=1e-3), backend
        assert np.isfinite(change) and change > 0, backend


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, preset", [("ViT-B-32-quickgelu", "vitb32"), ("ViT-B-16-quickgelu", "vitb16"), ("RN50-quickgelu", "rn50")]
)
def test_features_of_open_clip_weights(root, name, preset):
    """An open_clip model of random weights and our preset with the same: the same features, on both engines."""
    import open_clip
    import torch

    torch.manual_seed(0)
    foreign = open_clip.create_model(name, pretrained=None).eval()
    _perturb(foreign)
    path = root / "configs" / "pretrain" / f"clip_{preset}_yfcc15m_v2.yaml"
    method = read(path)[0].method
    state = {key: value.numpy() for key, value in foreign.state_dict().items()}
    weights = convert(state, open_clip_names.table(method, state), method)
    batch = full_step.random_batch(method, 2)
    with torch.no_grad():
        image = foreign.encode_image(torch.tensor(batch["image"]), normalize=True).numpy()
        text = foreign.encode_text(torch.tensor(batch["text"]).long(), normalize=True).numpy()
    for backend in backends.names():
        own_image, own_text = alone(full_step.features, path, weights, backend)
        assert error(own_image, image) < 1e-5, backend
        assert error(own_text, text) < 1e-5, backend


def _perturb(model):
    """Norms and statistics that are no identity: gammas that start as zeros hide a ResNet's branches."""
    import torch

    with torch.no_grad():
        for name, x in model.state_dict().items():
            if x.ndim == 1 and x.is_floating_point():
                x.copy_(
                    0.75 + 0.5 * torch.rand_like(x) if name.endswith(("weight", "var")) else 0.1 * torch.randn_like(x)
                )
