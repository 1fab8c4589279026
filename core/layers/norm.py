"""Normalisation with learnt scale and shift."""

from dataclasses import dataclass

import numpy as np

from tandemclip.core.spec import Buffer, Constant, Parameter, Spec


@dataclass(frozen=True)
class LayerNorm(Spec):
    width: int
    eps: float = 1e-5

    def parameters(self):
        return {"weight": Parameter((self.width,), Constant(1.0)), "bias": Parameter((self.width,), Constant(0.0))}

    def forward(self, ops, p, x):  # [..., width] -> [..., width]
        return ops.layer_norm(x, p["weight"], p["bias"], self.eps)


@dataclass(frozen=True)
class BatchNorm(Spec):
    """Over all axes but the second. In training by the batch's own statistics, otherwise by the running ones.

    running = (1 - momentum) running + momentum batch, with the unbiased variance: torch's convention (MindSpore's
    momentum is one minus this one).
    """

    width: int
    eps: float = 1e-5
    momentum: float = 0.1
    scale_initial: float = 1.0  # 0 for the last norm of a residual branch

    def parameters(self):
        return {
            "weight": Parameter((self.width,), Constant(self.scale_initial)),
            "bias": Parameter((self.width,), Constant(0.0)),
        }

    def buffers(self):
        return {"mean": Buffer((self.width,), Constant(0.0)), "variance": Buffer((self.width,), Constant(1.0))}

    def forward(self, ops, p, x):  # [N, width] or [N, width, H, W] -> the same
        if not p.training:
            return ops.batch_norm_inference(x, p["weight"], p["bias"], p["mean"], p["variance"], self.eps)
        y, mean, variance = ops.batch_norm(x, p["weight"], p["bias"], self.eps)
        count = int(np.prod(x.shape)) // self.width
        unbiased = variance * (count / max(count - 1, 1))
        p.update("mean", p["mean"] * (1 - self.momentum) + mean * self.momentum)
        p.update("variance", p["variance"] * (1 - self.momentum) + unbiased * self.momentum)
        return y
