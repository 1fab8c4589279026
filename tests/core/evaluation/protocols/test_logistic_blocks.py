"""Block by block it is scikit-learn's logistic regression: weights, loss and predictions, however the blocks fall; and
features on the disk stay there.
"""

import tracemalloc

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tandemclip.core.evaluation.protocols.logistic_blocks import fit_in_blocks
from tandemclip.core.random import generator


def clouds(classes, count, width, seed=0):
    rng = generator("clouds", seed)
    which = np.arange(count) % classes
    features = rng.standard_normal((classes, width))[which] + 1.5 * rng.standard_normal((count, width))
    return features.astype(np.float32), which


def objective(features, places, weights, offsets, strength):
    """As the textbook has it, image by image; of two classes the difference of their weights is penalised."""
    loss = 0.0
    for x, place in zip(np.float64(features), places):
        scores = weights @ x + offsets
        loss -= scores[place] - np.log(np.exp(scores - scores.max()).sum()) - scores.max()
    penalised = weights[1] - weights[0] if len(weights) == 2 else weights
    return loss + strength / 2 * (penalised**2).sum()


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("strength", [1e-2, 1.0, 1e2])
@pytest.mark.parametrize("rows", [None, 150, 64, 7])
def test_it_is_scikit_learns(classes, strength, rows):
    features, places = clouds(classes, 150, 6)
    weights, offsets, converged = fit_in_blocks(features, places, strength, 1000, rows=rows)
    wanted = LogisticRegression(C=1 / strength, max_iter=1000).fit(np.float64(features), places)
    assert weights.shape == (classes, 6) and offsets.shape == (classes,) and converged
    if classes == 2:
        weights_of_both, offsets_of_both = np.diff(weights, axis=0), np.diff(offsets)
    else:  # what all offsets have in common decides nothing
        weights_of_both, offsets_of_both = weights, offsets - offsets.mean()
    assert weights_of_both == pytest.approx(wanted.coef_, abs=1e-4)
    assert offsets_of_both == pytest.approx(wanted.intercept_ - (classes > 2) * wanted.intercept_.mean(), abs=1e-4)
    both = (np.concatenate([-each, each]) / 2 if classes == 2 else each for each in (wanted.coef_, wanted.intercept_))
    least = objective(features, places, *both, strength)
    assert objective(features, places, weights, offsets, strength) == pytest.approx(least, rel=1e-6)
    asked, _ = clouds(classes, 40, 6, seed=1)
    assert ((asked @ weights.T + offsets).argmax(1) == wanted.predict(asked)).all()


def test_it_goes_on_to_a_narrower_tolerance():
    features, places = clouds(3, 150, 6)
    wanted = LogisticRegression(C=1.0, max_iter=1000, tol=1e-9).fit(np.float64(features), places).coef_
    error = lambda tolerance: np.abs(fit_in_blocks(features, places, 1.0, 1000, tolerance)[0] - wanted).max()
    assert error(1e-2) > 1e-3 > 3e-4 > error(1e-6)


def test_it_takes_scikit_learns_steps():
    """Far from the end, too: what is stopped after some steps is the same classifier."""
    features, places = clouds(4, 120, 6)
    weights, offsets, converged = fit_in_blocks(features, places, 1e-6, iterations=6)
    with pytest.warns(match="failed to converge"):
        wanted = LogisticRegression(C=1e6, max_iter=6).fit(np.float64(features), places)
    assert not converged and weights == pytest.approx(wanted.coef_, rel=1e-3, abs=1e-3)
    assert offsets == pytest.approx(wanted.intercept_, rel=1e-3, abs=1e-3)


def test_large_scores_do_not_overflow():
    features, places = clouds(3, 60, 4)
    weights, _, _ = fit_in_blocks(1000 * features, places, 1e-6, 50)
    assert np.isfinite(weights).all()
    right = (1000 * features @ weights.T).argmax(1) == places
    assert right.mean() > 0.5


def test_features_on_the_disk_stay_there(tmp_path):
    """48 MB of them; what is held at a time does not grow with how many there are."""
    file, count, width = tmp_path / "features", 46_875, 256
    features = np.memmap(file, np.float32, "w+", shape=(count, width))
    rng, places = generator("disk"), np.arange(count) % 10
    for start in range(0, count, 5000):
        features[start : start + 5000] = rng.standard_normal((min(5000, count - start), width), np.float32)
    tracemalloc.start()
    try:
        fit_in_blocks(features, places, 1.0, iterations=1, rows=2000)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 10e6 < features.nbytes / 4
