"""A block of ours and torchvision's with the same weights: what they give, and the gradient of their input."""

import torch

from tandemclip.core.spec import Spec
from tandemclip.tests.core.layers.running import judge, model, near, random_weights, tensor
from tandemclip.tests.core.towers.trunks import normalised


def names(blocks: dict[str, tuple[str, str]]) -> dict[str, str]:
    """{ours: (their convolution, their norm)} -> {our name: their name}, where our norm is called OURS_norm."""
    found = {}
    for ours, (convolution, norm) in blocks.items():
        found |= {f"{ours}.weight": f"{convolution}.weight", **normalised(f"{ours}_norm", norm)}
    return found


def agree(spec: Spec, theirs: torch.nn.Module, named: dict[str, str], images) -> None:
    """images: [B, inputs, H, W] float64; in training, by the statistics of the batch, and at inference."""
    weights = random_weights(spec)
    assert named.keys() == weights.keys()
    state = theirs.double().state_dict()
    theirs.load_state_dict(state | {other: tensor(weights[own]) for own, other in named.items()})
    for training in (False, True):
        theirs.train(training)
        x, y = tensor(images, True), tensor(images, True)
        wanted, found = theirs(x), model(spec, weights).train(training)(y)
        near(judge(spec, weights, images, training=training)[0], wanted, 1e-9)
        near(found, wanted, 1e-9)
        gradients = [torch.autograd.grad((out * out).sum(), given)[0] for out, given in ((found, y), (wanted, x))]
        near(*gradients, 1e-8)
