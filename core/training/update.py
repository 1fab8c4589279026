"""The update rules, on flat vectors: one for weights that decay and one for the others.

One definition for both engines and the judge. Flat, because a kernel a tensor costs more than the arithmetic of small
models; the two groups spare a mask.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tandemclip.core.spec import Parameter, Spec


class UpdateRule:
    """What a step makes of weights, gradient and two moments, all [n]; rate and corrections are scalars.

    `decay`: a field.
    """

    decay: float

    def corrections(self, count: int) -> tuple[float, float]:
        """What update number `count` (from 1) divides the moments by."""
        return 1.0, 1.0

    def __call__(self, ops, weights, gradient, first, second, rate, correction1, correction2, decay):
        """-> new weights, first and second moment. decay: the group's, 0 for weights that do not."""
        raise TypeError(f"{type(self).__name__} defines no update")


@dataclass(frozen=True)
class AdamW(UpdateRule):
    """Loshchilov & Hutter 2019. Decoupled decay (times the learning rate, as torch's), bias correction, eps outside the
    root.

    Defaults: CLIP's for a ViT (Radford et al. 2021, table 19), the decay also PyramidCLIP's (A.2).
    """

    decay: float = 0.2
    beta1: float = 0.9
    beta2: float = 0.98
    eps: float = 1e-6

    def corrections(self, count: int) -> tuple[float, float]:
        """1 - beta^count of update number `count` (from 1), in float64: float32 is off by 3e-5 at beta 0.999."""
        return 1 - self.beta1**count, 1 - self.beta2**count

    def __call__(self, ops, weights, gradient, first, second, rate, correction1, correction2, decay):
        first = first * self.beta1 + gradient * (1 - self.beta1)
        second = second * self.beta2 + gradient * gradient * (1 - self.beta2)
        step = first / correction1 / (ops.sqrt(second / correction2) + self.eps)
        return weights - (step + weights * decay) * rate, first, second


@dataclass(frozen=True)
class SGD(UpdateRule):
    """With momentum, the decay part of the gradient, as torch's. The second moment stays as it is.

    Defaults: UniCL's for networks without a transformer (appendix B.1).
    """

    decay: float = 1e-4
    momentum: float = 0.9

    def __call__(self, ops, weights, gradient, first, second, rate, correction1, correction2, decay):
        first = first * self.momentum + gradient + weights * decay
        return weights - first * rate, first, second


@dataclass(frozen=True)
class Group:
    """Parameters that share a decay, laid end to end in one vector."""

    parameters: dict[str, Parameter]
    decay: float

    @cached_property
    def places(self) -> dict[str, tuple[int, int, tuple[int, ...]]]:
        """name -> (start, stop, shape) in the vector."""
        places, start = {}, 0
        for name, parameter in self.parameters.items():
            stop = start + int(np.prod(parameter.shape))
            places[name] = (start, stop, parameter.shape)
            start = stop
        return places

    @property
    def size(self) -> int:
        return sum(stop - start for start, stop, _ in self.places.values())

    @cached_property
    def maximum(self) -> np.ndarray | None:
        """[size], what each element is clamped to, or None where nothing is."""
        if all(parameter.maximum is None for parameter in self.parameters.values()):
            return None
        upper = np.full(self.size, np.finfo(np.float32).max, np.float32)
        for name, (start, stop, _) in self.places.items():
            if self.parameters[name].maximum is not None:
                upper[start:stop] = self.parameters[name].maximum
        return upper

    def flatten(self, ops, arrays):  # {name: array} -> [size]
        return ops.concat([ops.reshape(arrays[n], (stop - start,)) for n, (start, stop, _) in self.places.items()], 0)

    def split(self, ops, vector):  # [size] -> {name: array}
        return {n: ops.reshape(vector[start:stop], shape) for n, (start, stop, shape) in self.places.items()}


def groups(spec: Spec, rule: UpdateRule) -> list[Group]:
    """The trainable parameters of a spec, those that decay first; an empty group is left out."""
    trainable = {name: parameter for name, parameter in spec.all_parameters() if parameter.trainable}
    parts = [
        Group({n: p for n, p in trainable.items() if p.decays}, rule.decay),
        Group({n: p for n, p in trainable.items() if not p.decays}, 0.0),
    ]
    return [group for group in parts if group.parameters]


def update_group(
    ops, rule, group, weights, gradient, first, second, rate, correction1, correction2, factor, part=slice(None)
):
    """One group's update, the gradient times `factor` (clipping) -> weights, first, second, squared norm of the change.

    part: which part of the group's vector the arrays are.
    """
    new, first, second = rule(
        ops, weights, gradient * factor, first, second, rate, correction1, correction2, group.decay
    )
    if group.maximum is not None:
        new = ops.minimum(new, ops.constant(group.maximum[part]))
    change = new - weights
    return new, first, second, ops.sum(change * change, 0)
