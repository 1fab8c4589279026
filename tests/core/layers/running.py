"""Run a spec in float64 on the judges: numpy for values, torch for values and gradients."""

import numpy as np
import torch

from tandemclip.backends.reference.ops import Reference
from tandemclip.backends.torch.module import Model
from tandemclip.core.random import generator
from tandemclip.core.spec import Run, Scope, initial_weights


def random_weights(spec, seed=0):
    """Weights in which nothing is 0 or 1, so that none can be left out or swapped unnoticed; variances positive."""
    rng = generator(seed, "random weights")
    weights = {name: rng.standard_normal(array.shape) for name, array in initial_weights(spec, 0).items()}
    return {n: np.exp(w) if n.endswith("variance") else w for n, w in weights.items()}


def judge(spec, weights, *inputs, training=True, method=None):
    """numpy: (output, {buffer: what it became})."""
    scope = Scope(spec, Run(Reference(), weights, training))
    output = (scope if method is None else getattr(scope, method))(*inputs)
    return output, scope.run.updates


def model(spec, weights):
    return Model(spec, weights, torch.float64)


def array(seed, *shape):
    return generator(seed, "array").standard_normal(shape)


def tensor(values, gradient=False):
    return torch.tensor(np.asarray(values, np.float64), requires_grad=gradient)


def near(a, b, limit=1e-12):
    """Assert |a - b| <= limit (|b| + rms(b)) element by element, shapes equal."""
    a, b = (x.detach().numpy() if isinstance(x, torch.Tensor) else np.asarray(x) for x in (a, b))
    assert a.shape == b.shape, (a.shape, b.shape)
    assert np.isfinite(a).all()
    distance = np.abs(a - b) - limit * (np.abs(b) + np.sqrt(np.mean(b * b)) + 1e-300)
    assert (distance <= 0).all(), f"off by {np.abs(a - b).max()}"
