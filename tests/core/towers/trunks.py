"""A trunk of ours beside torchvision's, with its weights, in float64."""

from contextlib import contextmanager

import numpy as np
import torch

from tandemclip.backends.reference.ops import Reference
from tandemclip.backends.torch.module import Model
from tandemclip.core.spec import Run, Scope, initial_weights


def normalised(ours: str, theirs: str) -> dict[str, str]:
    """{our name: their name} of a batch norm."""
    names = {"weight": "weight", "bias": "bias", "mean": "running_mean", "variance": "running_var"}
    return {f"{ours}.{own}": f"{theirs}.{other}" for own, other in names.items()}


def arrays(module: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: x.detach().numpy().copy() for name, x in module.state_dict().items()}


def spread(module: torch.nn.Module) -> None:
    """Norms that are no identity, and statistics that are not those of a start."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, x in module.state_dict().items():
            if x.ndim == 1:
                x.copy_(torch.rand_like(x) + 0.5) if not name.endswith(("bias", "mean")) else x.normal_(0, 0.3)


@contextmanager
def outputs(layers):
    """What the layers give while the context lasts, in order."""
    seen = []
    hooks = [layer.register_forward_hook(lambda module, given, output: seen.append(output)) for layer in layers]
    yield seen
    for hook in hooks:
        hook.remove()


def agree(tower, names, theirs, wanted, images, training) -> None:
    """Assert that all stages, all written statistics and all gradients of the trunk are theirs.

    names: {ours: theirs}, of everything but the pool. wanted: what their stages gave, with gradient, for images
    [B, 3, H, W]; theirs was given them once, and has written its statistics.
    """
    declared = {name for name in tower.declared() if not name.startswith("pool.")}
    assert declared == names.keys()
    before = theirs.before
    weights = {n: w.astype(np.float64) for n, w in initial_weights(tower, 0).items()}
    weights |= {own: before[other] for own, other in names.items()}
    run = Run(Reference(), weights, training)
    found = Scope(tower, run).stages(images)
    assert [x.shape for x in found] == [tuple(x.shape) for x in wanted]
    assert max(np.abs(a - b.detach().numpy()).max() for a, b in zip(found, wanted)) < 1e-9
    after = arrays(theirs)
    buffers = {name for name, _ in tower.all_buffers()}
    assert run.updates.keys() == (buffers if training else set())
    assert all(np.abs(array - after[names[name]]).max() < 1e-12 for name, array in run.updates.items())
    _gradients_agree(tower, names, theirs, wanted, weights, images, training)


def _gradients_agree(tower, names, theirs, wanted, weights, images, training):
    model = Model(tower, weights, torch.float64)
    scalar = lambda stages: sum((x * x).mean() for x in stages)
    trained = {name: names[name] for name, _ in tower.all_parameters() if name in names}
    parameters = dict(theirs.named_parameters())
    own = torch.autograd.grad(
        scalar(model.scope(training).stages(torch.from_numpy(images))), [model.arrays[n] for n in trained]
    )
    other = torch.autograd.grad(scalar(wanted), [parameters[n] for n in trained.values()])
    assert max(x.abs().max() for x in other) > 1e-2
    for name, a, b in zip(trained, own, other):
        assert (a - b).abs().max() < 1e-9 * (1 + b.abs().max()), name
