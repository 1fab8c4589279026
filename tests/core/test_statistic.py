"""What every metric promises, whatever it is made of."""

import numpy as np
import pytest

from tandemclip.core import statistic
from tandemclip.core.hits import Hits
from tandemclip.core.scored import AveragePrecision, RocAuc
from tandemclip.core.statistic import draws, left_out, quantiles

RNG = np.random.default_rng(0)
SCORES, PRESENT = RNG.standard_normal((40, 2)), RNG.integers(0, 2, (40, 2)).astype(np.int8)
STATISTICS = {
    "shares": Hits(RNG.integers(0, 3, 40), np.full(40, 2), RNG.random(40)),
    "average_precision": AveragePrecision(SCORES, PRESENT),
    "roc_auc": RocAuc(SCORES, PRESENT),
}


@pytest.mark.parametrize("each", STATISTICS.values(), ids=STATISTICS)
def test_on_pictures_drawn_once_each_it_is_the_figure(each):
    assert each.resampled(np.ones((2, 40))) == pytest.approx([each.share] * 2, abs=1e-12) and 0 < each.share < 1
    assert each.resampled(np.full((1, 40), 3)) == pytest.approx([each.share], abs=1e-12)


@pytest.mark.parametrize("each", STATISTICS.values(), ids=STATISTICS)
def test_a_draw_of_nothing_has_no_figure(each):
    assert np.isnan(each.resampled(np.zeros((1, 40)))).all()


@pytest.mark.parametrize("name", ["shares", "roc_auc"])
def test_the_influence_is_the_derivative(name):
    each, step = STATISTICS[name], 1e-5
    more = (each.resampled(1 + step * np.eye(40)) - each.resampled(1 - step * np.eye(40))) / (2 * step)
    # the jackknife of the area is off by its order, 1 / images
    np.testing.assert_allclose(each.influence(), more, atol=1e-9 if name == "shares" else 0.1 * np.abs(more).max())


def test_the_jackknife_of_a_mean_is_known():
    """Without x_n the mean is higher by (mean - x_n) / (N - 1)."""
    values = RNG.random(12)
    figure = lambda times: times @ values / times.sum(1)
    np.testing.assert_allclose(left_out(figure, np.ones(12, bool)), (values - values.mean()) / 11, atol=1e-15)
    used = np.arange(12) < 5
    assert (left_out(figure, used) != 0).tolist() == used.tolist()


def test_the_jackknife_without_the_only_picture_of_a_class():
    """Without it there is no figure, and nobody can say what it adds."""
    alone = RocAuc(np.arange(5.0)[:, None], np.array([[0], [0], [1], [0], [0]], np.int8)).influence()
    assert np.isfinite(alone).all() and alone[2] == 0 and alone[0] > 0 > alone[4]


def test_kinds_are_not_paired_with_each_other():
    kinds = list(STATISTICS.values())
    assert [[one.asks_as(other) for other in kinds] for one in kinds] == np.eye(3, dtype=bool).tolist()


def test_the_jackknife_in_blocks(monkeypatch):
    whole = STATISTICS["roc_auc"].influence()
    monkeypatch.setattr(statistic, "ELEMENTS", 40 * 7)
    np.testing.assert_allclose(STATISTICS["roc_auc"].influence(), whole, atol=1e-15)


def test_draws_are_of_what_counts_and_the_same_in_blocks():
    used = np.arange(20) % 3 > 0
    whole = np.concatenate([*draws(used, 50)])
    assert whole.shape == (50, 20) and (whole.sum(1) == used.sum()).all() and not whole[:, ~used].any()
    assert np.array_equal(np.concatenate([*draws(used, 50, elements=20 * 7)]), whole) and whole.max() > 1
    assert len([*draws(used, 50, elements=20 * 7)]) == 8


def test_draws_without_a_figure_are_left_out():
    values = np.append(np.arange(101.0), [np.nan] * 50)
    assert quantiles(values, 0.9) == pytest.approx((5, 95)) and np.isnan(quantiles(np.full(3, np.nan), 0.9)).all()
