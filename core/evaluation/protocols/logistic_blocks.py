"""The same logistic regression as in logistic.py, block by block, for features that are larger than memory.

A block is multiplied in float32; sums over blocks are float64. Each evaluation of loss and gradient reads the features
once, in their order. L-BFGS is scipy's, begun at zero and ended as in scikit-learn 1.9 (`_logistic.py`), so that both
take the same steps but for rounding.
"""

from __future__ import annotations

import numpy as np

BLOCK = 1 << 24  # numbers in the largest array of a block: 64 MiB in float32
TOLERANCE = 1e-4  # of the largest derivative of the mean loss, as scikit-learn's `tol`


def fit_in_blocks(
    features: np.ndarray,
    places: np.ndarray,
    strength: float,
    iterations: int,
    tolerance: float = TOLERANCE,
    rows: int | None = None,
) -> tuple[np.ndarray, np.ndarray, bool]:
    """-> weights [C, D], offsets [C], and whether it converged.

    features: [N, D], an np.memmap too. places: [N] int from 0 to C - 1, all of which occur. strength: as in `fit`.
    rows: of a block.
    """
    from scipy.optimize import minimize  # here, so that processes that load need not import it

    classes, width = int(places.max()) + 1, features.shape[1]
    rows = rows or max(1, BLOCK // max(classes, width))
    penalty = strength / len(places)

    def objective(flat):
        own = flat.reshape(-1, width + 1)
        loss, gradient = _over_blocks(features, places, _of_each(own), rows)
        if len(own) == 1:
            gradient = (gradient[1:] - gradient[:1]) / 2
        gradient[:, :width] += penalty * own[:, :width]
        return loss + penalty / 2 * np.square(own[:, :width]).sum(), gradient.ravel()

    options = {"maxiter": iterations, "maxls": 50, "gtol": tolerance, "ftol": 64 * np.finfo(float).eps}
    start = np.zeros((1 if classes == 2 else classes) * (width + 1))
    found = minimize(objective, start, method="L-BFGS-B", jac=True, options=options)
    w = _of_each(found.x.reshape(-1, width + 1))
    return w[:, :width], w[:, width], bool(found.success)


def _of_each(own: np.ndarray) -> np.ndarray:
    """What L-BFGS moves -> [C, D + 1]. Of two classes that is one row, their difference, half of which each gets."""
    return np.concatenate([-own, own]) / 2 if len(own) == 1 else own


def _over_blocks(features, places, w, rows) -> tuple[float, np.ndarray]:
    """w: [C, D + 1], the offsets last -> the mean loss of all rows, and its gradient [C, D + 1]."""
    count, width = features.shape
    weights, offsets = w[:, :width].astype(np.float32).T, w[:, width].astype(np.float32)
    loss, gradient = 0.0, np.zeros(w.shape)
    for start in range(0, count, rows):
        x = np.asarray(features[start : start + rows], np.float32)  # [rows, D]
        part, ahead = _softmax_loss(x @ weights + offsets, places[start : start + rows])
        loss += part
        gradient[:, :width] += ahead.T @ x
        gradient[:, width] += ahead.sum(0, dtype=np.float64)
    return loss / count, gradient / count


def _softmax_loss(logits: np.ndarray, places: np.ndarray) -> tuple[float, np.ndarray]:
    """[n, C] float32, [n] -> the sum of the losses and its gradient by the logits, which are written over."""
    each = np.arange(len(places))
    logits -= logits.max(1, keepdims=True)
    own = logits[each, places].astype(np.float64)
    np.exp(logits, out=logits)
    sums = logits.sum(1, dtype=np.float64)
    logits /= sums[:, None].astype(np.float32)
    logits[each, places] -= 1
    return float((np.log(sums) - own).sum()), logits
