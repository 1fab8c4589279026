"""Metrics of scores against plain loops, scikit-learn, and themselves on repeated pictures."""

from fractions import Fraction

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tandemclip.core.scored import AveragePrecision, RocAuc

KINDS = [AveragePrecision, RocAuc]


def drawn(seed, images=60, classes=4, levels=None):
    """Scores, which are equal for some where there are few levels, and what is there; not everything is asked."""
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal((images, classes)) if levels is None else rng.integers(0, levels, (images, classes))
    present = rng.choice([1, 0, 0, 0, -1], (images, classes)).astype(np.int8)
    present[0] = 1
    return scores.astype(float), present


def eleven_points(scores, present):
    """VOC 2007's average precision of one class, picture by picture, in fractions. Equal scores come in together."""
    asked = [(score, truth == 1) for score, truth in zip(scores, present) if truth >= 0]
    total = sum(truth for _, truth in asked)
    points = []
    for threshold in sorted({score for score, _ in asked}, reverse=True):
        shown = [truth for score, truth in asked if score >= threshold]
        points.append((Fraction(sum(shown), total), Fraction(sum(shown), len(shown))))
    best = [max((p for r, p in points if r >= Fraction(tenth, 10)), default=Fraction(0)) for tenth in range(11)]
    return float(sum(best) / 11)


@pytest.mark.parametrize("levels", [None, 5, 1])
def test_average_precision_is_that_of_a_plain_loop(levels):
    scores, present = drawn(1, levels=levels)
    wanted = np.mean([eleven_points(s, p) for s, p in zip(scores.T, present.T)])
    assert AveragePrecision(scores, present).share == pytest.approx(wanted, abs=1e-12)


def test_average_precision_by_hand():
    """yes no yes no: precision 1 up to recall 1/2 (t = 0 ... 0.5), 2/3 from there on (0.6 ... 1)."""
    found = AveragePrecision(np.array([[4.0], [3], [2], [1]]), np.array([[1], [0], [1], [0]], np.int8))
    assert found.share == pytest.approx((6 * 1 + 5 * 2 / 3) / 11)


def test_recalls_of_a_tenth_are_reached_exactly():
    """Ten yes with a no behind each: recall r / 10 is reached at the r-th yes, which floats would miss for some."""
    scores, present = -np.arange(20.0)[:, None], np.tile([1, 0], 10).astype(np.int8)[:, None]
    precision = [r / (2 * r - 1) for r in range(1, 11)]
    assert AveragePrecision(scores, present).share == pytest.approx((1 + sum(precision)) / 11, abs=1e-12)


@pytest.mark.parametrize("levels", [None, 6])
def test_the_area_is_scikit_learn_s(levels):
    scores, present = drawn(2, levels=levels)
    area = lambda s, p: roc_auc_score(p[p >= 0], s[p >= 0])
    wanted = np.mean([area(s, p) for s, p in zip(scores.T, present.T)])
    assert RocAuc(scores, present).share == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("levels", [None, 4])
def test_on_drawn_pictures_it_is_as_if_they_stood_there_so_often(kind, levels):
    scores, present = drawn(3, images=30, levels=levels)
    times = np.random.default_rng(4).integers(0, 4, (5, 30))
    found = kind(scores, present).resampled(times)
    for figure, each in zip(found, times):
        assert kind(scores.repeat(each, 0), present.repeat(each, 0)).share == pytest.approx(figure, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_pictures_decides_nothing(kind):
    scores, present = drawn(5, levels=3)
    order = np.random.default_rng(6).permutation(len(scores))
    assert kind(scores[order], present[order]).share == pytest.approx(kind(scores, present).share, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_what_has_no_figure_is_left_out(kind):
    scores, present = drawn(7)
    present[:, 1] = 0  # no picture has it
    present[:, 2] = -1  # nobody asks
    found, rest = kind(scores, present), kind(scores[:, [0, 3]], present[:, [0, 3]])
    assert found.share == rest.share and (found.undefined, rest.undefined) == (2, 0)
    nothing = kind(scores[:, 1:2], present[:, 1:2])
    assert np.isnan(nothing.share) and nothing.undefined == 1 and np.isnan(nothing.interval).all()
    present[:, 0] = 1  # every picture has it
    only = kind(scores[:, :1], present[:, :1])
    assert only.undefined == (kind is RocAuc) and (kind is RocAuc or only.share == only.guessing == 1)


@pytest.mark.parametrize("kind", KINDS)
def test_among_others_the_figure_stays(kind):
    scores, present = drawn(8)
    present[3] = -1
    own = kind(scores, present, ("odd",))
    wide = own.among(2, 70)
    assert wide.share == own.share and wide.interval == pytest.approx(own.interval) and wide.remarks == ("odd",)
    assert wide.images == 70 and np.flatnonzero(wide.used).tolist() == [2 + n for n in range(60) if n != 3]
    assert wide.queries == own.queries == 59
    np.testing.assert_allclose(wide.influence()[2:62], own.influence(), atol=1e-15)


def test_what_guessing_gets():
    """Equal scores get the share of yes, and rankings at random a little more, as the highest precision counts."""
    _, present = drawn(9, images=200, classes=3)
    equal = AveragePrecision(np.zeros(present.shape), present)
    share = np.mean([(p == 1).sum() / (p >= 0).sum() for p in present.T])
    assert equal.share == pytest.approx(share) and share < equal.guessing < 1.6 * share
    rng = np.random.default_rng(0)
    tried = [eleven_points(rng.random(200), p) for p in present.T for _ in range(40)]
    assert equal.guessing == pytest.approx(np.mean(tried), abs=0.02)
    assert RocAuc(np.zeros(present.shape), present).share == 0.5 == RocAuc(np.zeros(present.shape), present).guessing


def test_ties_between_yes_and_no_are_counted():
    scores = np.array([[2.0], [2], [2], [1], [1], [0]])
    present = np.array([[1], [1], [0], [1], [1], [-1]], np.int8)
    assert [each.ties for each in AveragePrecision(scores, present).rankings] == [2]


def test_the_interval_of_an_area_is_that_of_its_placements():
    """DeLong et al. 1988: the variance is that of how each picture is placed among those of the other kind."""
    rng = np.random.default_rng(10)
    present = (rng.random((400, 1)) < 0.3).astype(np.int8)
    found = RocAuc(present + 1.2 * rng.standard_normal((400, 1)), present)
    yes, no = (found.scores[present == kind] for kind in (1, 0))
    won = yes[:, None] > no
    deviation = np.sqrt(won.mean(1).var(ddof=1) / len(yes) + won.mean(0).var(ddof=1) / len(no))
    low, high = found.interval
    assert low < found.share < high and high - low == pytest.approx(2 * 1.96 * deviation, rel=0.1)
    assert np.sqrt(np.square(found.influence()).sum()) == pytest.approx(deviation, rel=0.05)


def test_they_are_paired_with_their_like_alone():
    scores, present = drawn(11)
    one = AveragePrecision(scores, present)
    assert one.asks_as(AveragePrecision(-scores, present)) and not one.asks_as(RocAuc(scores, present))
    other = present.copy()
    other[0, 0] = 0
    assert not one.asks_as(AveragePrecision(scores, other))
