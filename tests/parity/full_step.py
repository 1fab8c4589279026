"""One step of a full architecture, for a process of its own: what an engine keeps of the memory goes with it."""

import numpy as np

from tandemclip import backends
from tandemclip.backends.recorder.draws import training_views
from tandemclip.core.data.views.view import batch_arrays
from tandemclip.core.methods.features import START
from tandemclip.core.random import generator
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.engine import Rates


def random_batch(method, size):
    rng, batch = generator("full presets"), {}
    for name, (shape, dtype) in batch_arrays(training_views(method), size).items():
        if dtype == np.int32:
            batch[name] = rng.integers(1, method.text.vocab_size - 2, shape).astype(np.int32)
            batch[name][:, shape[1] // 2] = method.text.vocab_size - 1  # where the text ends
        else:
            ones = name in ("rois_mask", "has_objects")
            batch[name] = np.ones(shape, np.float32) if ones else rng.standard_normal(shape).astype(np.float32)
    return batch


def step(path, backend, kind):
    """(terms, gradient norm, norm of the change) of one update; kind: "engine", or "float64" for terms and norm
    alone.
    """
    config, _ = read(path)
    method, rule = config.method, config.training.update
    make = backends.load(backend)
    engine = (make.float64 if kind == "float64" else make)(method, initial_weights(method, 0), rule)
    found = engine.backward(random_batch(method, 2), START)
    change = None if kind == "float64" else engine.update(found, Rates(5e-4, *rule.corrections(1)))
    return found.terms, found.norm, change


def features(path, weights, backend):
    """(image, text) features of given weights."""
    config, _ = read(path)
    engine = backends.load(backend)(config.method, weights, config.training.update)
    batch = random_batch(config.method, 2)
    return engine.encode_image(batch["image"]), engine.encode_text(batch["text"])
