"""The update rules, on flat vectors: one for each group of parameters, such as those that decay and the others.

One definition for both engines and the judge. Flat, because a kernel a tensor costs more than the arithmetic of small
models; groups spare a mask. Which parameter is in which group: core/training/tuning.py.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tandemclip.core.bounds import BelowOne, NotNegative, Positive
from tandemclip.core.ops import Array, Ops
from tandemclip.core.spec import Parameter

AVERAGE = "ema"  # the name of the average among the vectors that an engine keeps
Scalar = Any  # a Python number, or an array of the engine without axes
Scalars = tuple[Scalar, Scalar]
State = dict[str, Array]  # {name: [n]}


class UpdateRule:
    """What a step makes of weights, gradient and what it remembers, all [n]; rate and corrections are scalars.

    decay: a field. state: the names of the vectors that it remembers, zeros at first; a checkpoint has them under
    "NAME.PARAMETER".
    """

    decay: float
    state: tuple[str, ...] = ()

    def corrections(self, count: int) -> tuple[float, float]:
        """What update number `count` (from 1) divides the moments by."""
        return 1.0, 1.0

    def __call__(
        self, ops: Ops, weights: Array, gradient: Array, state: State, rate: Scalar, corrections: Scalars, decay: float
    ) -> tuple[Array, State]:
        """-> new weights, new state. decay: the group's, 0 for weights that do not."""
        raise TypeError(f"{type(self).__name__} defines no update")


@dataclass(frozen=True)
class AdamW(UpdateRule):
    """Loshchilov & Hutter 2019. Decoupled decay (times the learning rate, as torch's), bias correction, eps outside the
    root.

    decay: of weights, not of biases and norms. beta1, beta2: what the averages of gradient and squared gradient keep a
    step. eps: added to the root of the second average.

    Defaults: CLIP's for a ViT (Radford et al. 2021, table 19), the decay also PyramidCLIP's (A.2).
    """

    decay: NotNegative = 0.2
    beta1: BelowOne = 0.9
    beta2: BelowOne = 0.98
    eps: Positive = 1e-6

    state = ("first", "second")

    def corrections(self, count: int) -> tuple[float, float]:
        """1 - beta^count of update number `count` (from 1), in float64: float32 is off by 3e-5 at beta 0.999."""
        return 1 - self.beta1**count, 1 - self.beta2**count

    def __call__(self, ops, weights, gradient, state, rate, corrections, decay):
        first = state["first"] * self.beta1 + gradient * (1 - self.beta1)
        second = state["second"] * self.beta2 + gradient * gradient * (1 - self.beta2)
        step = first / corrections[0] / (ops.sqrt(second / corrections[1]) + self.eps)
        return weights - (step + weights * decay) * rate, {"first": first, "second": second}


@dataclass(frozen=True)
class SGD(UpdateRule):
    """With momentum, the decay part of the gradient, as torch's.

    decay: of weights, not of biases and norms. momentum: what the sum of gradients keeps a step.

    Defaults: UniCL's for networks without a transformer (appendix B.1).
    """

    decay: NotNegative = 1e-4
    momentum: BelowOne = 0.9

    state = ("first",)

    def __call__(self, ops, weights, gradient, state, rate, corrections, decay):
        first = state["first"] * self.momentum + gradient + weights * decay
        return weights - first * rate, {"first": first}


@dataclass(frozen=True)
class Group:
    """Parameters that share a decay and a rate, laid end to end in one vector.

    rate: a factor of the learning rate. average: how much of the moving average of the weights a step keeps, None for
    no average. frozen_for: as `Pattern` has it; what began to train later counts its own updates.
    """

    parameters: dict[str, Parameter]
    decay: float
    rate: float = 1.0
    average: float | None = None
    frozen_for: float = 0.0

    def remembered(self, rule: UpdateRule) -> tuple[str, ...]:
        """The names of the vectors that an engine keeps for this group beside the weights."""
        return rule.state if self.average is None else (*rule.state, AVERAGE)

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
    def minimum(self) -> np.ndarray | None:
        """[size], the least that each element may be, or None where nothing has a bound."""
        return self._bounds({name: each.minimum for name, each in self.parameters.items()}, np.finfo(np.float32).min)

    @cached_property
    def maximum(self) -> np.ndarray | None:
        """[size], the most that each element may be, or None where nothing has a bound."""
        return self._bounds({name: each.maximum for name, each in self.parameters.items()}, np.finfo(np.float32).max)

    def _bounds(self, bounds, free):  # {name: a bound or None}
        if all(bound is None for bound in bounds.values()):
            return None
        found = np.full(self.size, free, np.float32)
        for name, (start, stop, _) in self.places.items():
            if bounds[name] is not None:
                found[start:stop] = bounds[name]
        return found

    def flatten(self, ops, arrays):  # {name: array} -> [size]
        return ops.concat([ops.reshape(arrays[n], (stop - start,)) for n, (start, stop, _) in self.places.items()], 0)

    def split(self, ops, vector):  # [size] -> {name: array}
        return {n: ops.reshape(vector[start:stop], shape) for n, (start, stop, shape) in self.places.items()}


def update_group(
    ops: Ops,
    rule: UpdateRule,
    group: Group,
    weights: Array,
    gradient: Array,
    state: State,
    *,
    rate: Scalar,
    corrections: Scalars,
    factor: Scalar,
    part: slice = slice(None),
) -> tuple[Array, State, Array]:
    """One group's update, the gradient times `factor` (clipping) -> weights, state, squared norm of the change.

    state: all that `group.remembered` names. part: which part of the group's vector the arrays are.
    """
    new, changed = rule(ops, weights, gradient * factor, state, rate * group.rate, corrections, group.decay)
    if group.minimum is not None:
        new = ops.maximum(new, ops.constant(group.minimum[part]))
    if group.maximum is not None:
        new = ops.minimum(new, ops.constant(group.maximum[part]))
    if group.average is not None:
        changed = {**changed, AVERAGE: state[AVERAGE] * group.average + new * (1 - group.average)}
    change = new - weights
    return new, changed, ops.sum(change * change, 0)


def remembered_names(groups: list[Group], rule: UpdateRule) -> list[str]:
    """The names under which a checkpoint has what these groups remember: "first.NAME", "second.NAME", "ema.NAME"."""
    return [f"{kind}.{name}" for group in groups for kind in group.remembered(rule) for name in group.places]
