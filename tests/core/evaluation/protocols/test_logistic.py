"""The probes' classifier is scikit-learn's: weights, predictions and likelihoods; and what cannot be fitted is told."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols import logistic
from tandemclip.core.evaluation.protocols.logistic import check_finite, fit
from tandemclip.core.evaluation.protocols.rows import Rows
from tandemclip.core.random import generator


def clouds(classes, count, width=12, spread=2.0, seed=0, dtype=np.float32):
    """Overlapping clouds of features, far from length 1 -> [count, width], labels with gaps: 3, 5, 7, ..."""
    rng = generator("clouds", seed)
    middles = rng.standard_normal((classes, width))
    which = np.arange(count) % classes
    features = 5 * (middles[which] + spread * rng.standard_normal((count, width)))
    return features.astype(dtype), 3 + 2 * which


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("strength", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_is_scikit_learns(classes, strength, dtype):
    (learned, labels), (asked, _) = clouds(classes, 90, dtype=dtype), clouds(classes, 40, seed=1, dtype=dtype)
    found = fit(Rows.of(learned), labels, strength)
    wanted = LogisticRegression(C=1 / strength, max_iter=1000).fit(learned, labels)
    likely = np.exp(np.concatenate([*found.blocks(asked)]))
    assert found.converged and likely == pytest.approx(wanted.predict_proba(asked.astype(np.float64)), abs=1e-6)
    gap = np.diff(np.sort(likely, 1)[:, -2:]).ravel()
    same = found.predict(asked) == wanted.predict(asked)
    assert same[gap > 1e-6].all() and (gap > 1e-6).mean() > 0.9


@pytest.mark.parametrize("elements, blocks", [(84, 9), (5, 60)])  # 7 images of 12 numbers; less than one of them
def test_blocks_of_images_and_one_image_are_the_same(monkeypatch, elements, blocks):
    learned, labels = clouds(3, 60)
    found = fit(learned, labels, 1.0)
    whole, best = np.concatenate([*found.blocks(learned)]), found.predict(learned)
    monkeypatch.setattr(logistic, "ELEMENTS", elements)
    parts = [*found.blocks(learned)]
    assert len(parts) == blocks and np.allclose(np.concatenate(parts), whole, rtol=0, atol=1e-12)
    assert np.array_equal(found.predict(Rows.of(learned)), best)


def test_classes_that_were_not_learned_are_never_likely():
    learned, labels = clouds(2, 30)
    found = fit(learned, labels, 1.0)
    scores = np.concatenate([*found.scores(learned[:4], 7)])
    assert scores.shape == (4, 7) and np.isneginf(scores[:, [0, 1, 2, 4, 6]]).all()
    assert np.array_equal(scores[:, [3, 5]], next(found.blocks(learned[:4])))


@pytest.mark.parametrize("classes", [2, 3])
def test_above_so_many_bytes_it_is_fitted_block_by_block(classes, monkeypatch):
    learned, labels = clouds(classes, 80)
    at_once = fit(learned, labels, 10.0)
    monkeypatch.setattr(logistic, "LARGEST", 4 * learned.size - 1)
    monkeypatch.setattr(logistic, "_fit_at_once", None)
    in_blocks = fit(Rows.of(learned), labels, 10.0)
    assert in_blocks.classes.tolist() == at_once.classes.tolist() and in_blocks.converged
    assert in_blocks.weights == pytest.approx(at_once.weights, abs=2e-4)


@pytest.mark.parametrize("largest", [logistic.LARGEST, 0])
def test_what_does_not_converge_says_so(largest, monkeypatch):
    monkeypatch.setattr(logistic, "LARGEST", largest)
    learned, labels = clouds(3, 60)
    assert not fit(learned, labels, 1e-6, iterations=2).converged


def test_what_cannot_be_fitted_is_told():
    learned, labels = clouds(3, 60)
    with pytest.raises(UserError, match="has 20 images of 1 classes to learn from, and needs two classes"):
        fit(learned[labels == 3], labels[labels == 3], 1.0)
    check_finite(learned)
    learned[41, 3] = np.nan
    with pytest.raises(UserError, match=r"features \(60, 12\) .* not finite, the first in row 41;"):
        check_finite(learned)


def test_a_row_that_is_not_finite_is_found_in_any_block(monkeypatch):
    learned, _ = clouds(3, 60)
    learned[[41, 59], 3] = np.inf
    monkeypatch.setattr(logistic, "ELEMENTS", 84)
    with pytest.raises(UserError, match="the first in row 41;"):
        check_finite(learned)
