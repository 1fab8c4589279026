"""How agreement is measured: one number for a tensor, and what is compared with what.

    error(a, b) = max over elements of |a - b| / (|b| + rms(b))

a is held against b, the judge. The rms keeps an element near zero from being asked for digits that its neighbours do
not have; a floor under it does the same for a whole tensor that is small among its kind.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

RMS_FLOOR = 1e-3  # of the median rms over the tensors of a kind
ZERO_IN_THEORY = 1e-9  # of that median: a gradient that only rounding keeps from being zero (a bias before a BatchNorm)

PARTNER = {"weight": "bias", "bias": "weight"}

Kind = Literal["output", "gradient"]


def rms(x) -> float:
    x = np.asarray(x, np.float64)
    return float(np.sqrt(np.mean(x * x))) if x.size else 0.0


def error(a, b, floor: float = 0.0) -> float:
    """Infinite where shape, kind of dtype or finiteness differ. Integers and bools are equal (0) or not (infinite).

    floor: the least that rms(b) counts for.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype.kind != b.dtype.kind:
        return float("inf")
    if a.dtype.kind != "f":
        return 0.0 if np.array_equal(a, b) else float("inf")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf")
    a, b = a.astype(np.float64), b.astype(np.float64)
    difference, scale = np.abs(a - b), np.abs(b) + max(rms(b), floor)
    if not difference.any():
        return 0.0
    return float(np.max(difference / scale)) if scale.all() else float("inf")


def errors(found: dict, judge: dict, kind: Kind) -> dict[str, float]:
    """{name: error} over the names of either side; a name that one side lacks is infinitely wrong.

    The arrays of one kind share a floor. A gradient that is zero in theory, which the judge must be float64 to tell,
    has no digits to agree in: its error is its largest element, in medians or in what the weight of the same layer has,
    whichever is more: such a bias sums the terms that the weight's gradient is made of, and its noise is their
    rounding. A norm's weight and bias are measured by the larger of the two, for the same reason: where one of them
    nearly cancels, as a later norm takes the change back, the other shows how large the terms are.
    """
    sizes, median = _sizes(judge)
    zero = zero_in_theory(judge) if kind == "gradient" else set()
    result = {}
    for name in {**judge, **found}:
        if name not in found or name not in judge:
            result[name] = float("inf")
        elif name in zero:
            beside = f"{name.rpartition('.')[0]}.weight"
            result[name] = _of_noise(found[name], judge[name], max(median, sizes.get(beside, 0.0)))
        else:
            floor = RMS_FLOOR * median
            if kind == "gradient":
                floor = max(floor, _partner_size(name, judge, sizes))
            result[name] = error(found[name], judge[name], floor)
    return result


def _partner_size(name, arrays, sizes) -> float:
    """The rms of a norm's bias, for its weight, and the other way round; 0 of anything else."""
    layer, _, part = name.rpartition(".")
    other = f"{layer}.{PARTNER.get(part)}"
    if other not in arrays or np.ndim(arrays[name]) != 1 or np.shape(arrays[other]) != np.shape(arrays[name]):
        return 0.0
    return sizes.get(other, 0.0)


def zero_in_theory(gradients: dict) -> set[str]:
    """The names of those, of a float64 judge's, that only rounding keeps from being zero."""
    sizes, median = _sizes(gradients)
    return {name for name, size in sizes.items() if size < ZERO_IN_THEORY * median}


def _sizes(arrays):
    """({name: rms}, their median) of what is float."""
    sizes = {name: rms(array) for name, array in arrays.items() if np.asarray(array).dtype.kind == "f"}
    return sizes, float(np.median([*sizes.values()])) if sizes else 0.0


def _of_noise(a, b, scale):
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype.kind != "f" or not np.isfinite(a).all():
        return float("inf")
    return float(np.max(np.abs(a), initial=0.0)) / scale
