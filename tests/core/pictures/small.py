"""Small models with weights that hide nothing: a branch that starts at zero would give maps of zeros."""

import numpy as np

from tandemclip import backends
from tandemclip.core.random import generator
from tandemclip.core.serving.model import Model
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.start import tokenizer_of
from tandemclip.core.training.update import AdamW


def small_model(root, name, engine="torch", changes=None, **options):
    """The model of a configuration that ships, with `changes` laid over its method; options: of the Model."""
    config, _ = read(root / "configs" / "pretrain" / f"{name}.yaml", {"method": changes or {}})
    weights = initial_weights(config.method, 0)
    for key in weights:
        if weights[key].ndim == 1:
            rng = generator("hides nothing", key)  # within 0.5, so that a variance stays one
            weights[key] = weights[key] + rng.uniform(-0.5, 0.5, weights[key].shape).astype(np.float32)
    made = backends.load(engine)(config.method, weights, AdamW())
    tokenizer = None if config.method.text is None else tokenizer_of(config)
    return Model(made, config.method, tokenizer, **options)
