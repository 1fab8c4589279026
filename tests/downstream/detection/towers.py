"""Small towers of every kind, and checkpoints that have them."""

from pathlib import Path

import numpy as np

from tandemclip.backends.reference.ops import Reference
from tandemclip.core.config.build import build
from tandemclip.core.methods.method import Method
from tandemclip.core.random import generator
from tandemclip.core.spec import Run, Scope, initial_weights
from tandemclip.core.training import checkpoint

EMBED = {"embed_dim": 6}
RESNET = EMBED | {"resolution": 64, "layers": [1, 2, 1, 1], "width": 8}
VIT = EMBED | {"type": "vit", "resolution": 64, "patch": 16, "width": 16, "layers": 4, "heads": 2}
TOWERS = {
    "modified_resnet": RESNET | {"type": "modified_resnet", "heads": 2},
    "resnet": RESNET | {"type": "resnet"},
    "basic_resnet": RESNET | {"type": "basic_resnet", "heads": 2},
    "mobilenet_v2": EMBED
    | {"type": "mobilenet_v2", "resolution": 64, "heads": 2, "width": 8, "expansion": 2}
    | {"widths": [8, 8, 12, 16, 16, 24, 32], "blocks": [1, 1, 2, 1, 1, 1, 1]},
    "swin": EMBED
    | {"type": "swin", "resolution": 64, "width": 8, "window": 4, "depths": [2, 2, 1, 1], "heads": [1, 2, 2, 2]},
    "vit": VIT,
    "leff": VIT | {"leff_depth": 3},
}
CONVOLUTIONAL = ("modified_resnet", "resnet", "basic_resnet", "mobilenet_v2")
TEXT = EMBED | {"type": "text_transformer", "vocab_size": 40, "context_length": 12, "width": 8, "layers": 1, "heads": 2}


def mapping(name):
    return {"type": "clip", "image": TOWERS[name], "text": TEXT}


def method(name):
    return build(Method, mapping(name))


def weights_of(spec, seed=0):
    """Initial ones with noise, so that no branch is zero and no statistics are those of a start."""
    noise = lambda name, x: 0.1 * generator("noise", seed, name).standard_normal(x.shape).astype(np.float32)
    spread = lambda name, x: np.abs(noise(name, x)) if name.endswith("variance") else noise(name, x)
    return {name: x + spread(name, x) for name, x in initial_weights(spec, seed).items()}


def saved(run: Path, name: str, weights=None, optimizer=None, config=None) -> Path:
    """A run's folder with a checkpoint in it."""
    weights = weights_of(method(name)) if weights is None else weights
    state = {"config": {"method": mapping(name)} if config is None else config, "tokenizer": None}
    checkpoint.save(run, 7, weights, optimizer or {}, state)
    return run


def pictures(height, width, count=2):
    return generator("pictures", height, width).standard_normal((count, 3, height, width)).astype(np.float32)


def judged(name, weights, images):
    """The float64 judge's stages of the image tower, of weights by the method's names."""
    double = {n: x.astype(np.float64) for n, x in weights.items()}
    spec = method(name)
    return Scope(spec, Run(Reference(), double, False)).image.stages(images.astype(np.float64))
