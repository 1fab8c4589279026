"""The interval against scipy's bootstrap, Student's interval and what it promises on synthetic data."""

import numpy as np
import pytest
from scipy import stats

from tandemclip.core.errors import UserError
from tandemclip.core.evaluation import bootstrap
from tandemclip.core.evaluation.bootstrap import paired_interval
from tandemclip.core.hits import Hits
from tandemclip.core.scored import AveragePrecision, RocAuc

ONCE = np.ones(200, int)


def runs(*right, asked=ONCE):
    """One metric, a run for each seed."""
    return [[Hits(np.asarray(r), asked)] for r in right]


def test_one_seed_is_the_bootstrap_over_images():
    rng = np.random.default_rng(0)
    a, b = rng.random(200) < 0.3, rng.random(200) < 0.45
    change = 100 * (b.astype(float) - a)
    expected = stats.bootstrap(
        (change,), np.mean, n_resamples=10_000, method="percentile", random_state=1
    ).confidence_interval
    np.testing.assert_allclose(paired_interval(runs(a), runs(b)), expected, atol=0.5)


def test_captions_of_an_image_are_drawn_together():
    """Five equal captions an image tell no more than one, and a ratio of sums is what is resampled."""
    rng = np.random.default_rng(1)
    a, b = rng.random(200) < 0.3, rng.random(200) < 0.4
    once = paired_interval(runs(a), runs(b))
    assert paired_interval(runs(5 * a, asked=5 * ONCE), runs(5 * b, asked=5 * ONCE)) == pytest.approx(once)
    asked = rng.integers(1, 6, 200)
    gained = asked * (b.astype(float) - a)
    ratio = lambda g, n, axis: 100 * g.sum(axis) / n.sum(axis)
    found = paired_interval(runs(asked * a, asked=asked), runs(asked * b, asked=asked))
    expected = stats.bootstrap(
        (gained, asked), ratio, paired=True, n_resamples=10_000, method="percentile", random_state=1
    )
    np.testing.assert_allclose(found, expected.confidence_interval, atol=0.5)
    none, every = runs(0 * ONCE, asked=asked), runs(asked, asked=asked)
    assert paired_interval(none, every) == pytest.approx((100, 100))


def test_images_that_were_asked_nothing_do_not_count():
    rng = np.random.default_rng(2)
    a, b = rng.random(200) < 0.3, rng.random(200) < 0.4
    padded = [np.concatenate([x, np.zeros(100, int)]) for x in (a, b, ONCE)]
    found = paired_interval(runs(padded[0], asked=padded[2]), runs(padded[1], asked=padded[2]))
    assert found == paired_interval(runs(a), runs(b))


def test_without_noise_of_images_it_is_students_interval():
    asked = np.full(50, 1000)
    at = lambda *percents: runs(*(np.full(50, 10 * p) for p in percents), asked=asked)
    first, other = (10, 20, 15), (14, 22, 25)  # the differences are 4, 2 and 10
    expected = stats.t.interval(0.95, 2, loc=16 / 3, scale=stats.sem([4, 2, 10]))
    np.testing.assert_allclose(paired_interval(at(*first), at(*other)), expected, rtol=0.01)
    shifted = paired_interval(at(10, 20, 15), at(13, 23, 18))
    np.testing.assert_allclose(shifted, (3, 3), atol=1e-9)  # what seeds share is no uncertainty of the difference


def test_what_seeds_do_not_share_is_counted_once():
    """Two seeds of equal figures, one of which gains on each image three times what the other does: 3/4 of the variance
    of the mean over images is shared, as (1.5 x)^2 and (0.5 x)^2 vary by x^2 / 2 around x^2, a half of it each."""
    asked = np.full(200, 1000)
    gained = np.random.default_rng(6).integers(1, 100, 100).repeat(2) * np.tile([2, -2], 100)  # adds up to 0
    once = paired_interval(runs(asked / 2, asked=asked), runs(asked / 2 + gained, asked=asked))
    other = runs(asked / 2 + gained * 3 // 2, asked / 2 + gained // 2, asked=asked)
    found = paired_interval(runs(asked / 2, asked / 2, asked=asked), other)
    np.testing.assert_allclose(found, np.sqrt(3 / 4) * np.array(once), rtol=1e-6)


def test_several_metrics_count_as_their_mean():
    rng = np.random.default_rng(3)
    a, b = rng.random((2, 3, 200)) < 0.3, rng.random((2, 3, 200)) < 0.4  # [metric, seed, image]
    both = lambda x: [[Hits(x[0, s], ONCE), Hits(x[1, s], ONCE)] for s in range(3)]
    summed = lambda x: runs(*x.sum(0), asked=2 * ONCE)
    assert paired_interval(both(a), both(b)) == pytest.approx(paired_interval(summed(a), summed(b)))


@pytest.mark.parametrize("seeds, between, common", [(1, 0, 0), (3, 0, 0), (3, 0.08, 0), (5, 0.02, 0), (3, 0.02, 0.3)])
def test_it_covers_the_true_difference_as_often_as_it_says(monkeypatch, seeds, between, common):
    """Hits of 100 images that differ in difficulty, by runs that differ in quality; the true difference is 0.1, on some
    images more than on others by up to `common`."""
    monkeypatch.setattr(bootstrap, "RESAMPLES", 500)
    rng, inside = np.random.default_rng(4), []
    for _ in range(200):
        ease = rng.uniform(0.2, 0.6, 100)
        quality = rng.normal(0, between, (2, seeds, 1))
        change = 0.1 + rng.uniform(-common, common, 100)
        chance = ease + quality + np.stack([0 * change, change])[:, None]
        a, b = rng.random((2, seeds, 100)) < chance
        low, high = paired_interval(runs(*a, asked=ONCE[:100]), runs(*b, asked=ONCE[:100]))
        inside.append(low <= 10 <= high)
    assert 0.9 <= np.mean(inside) < 0.99  # 0.95 and three standard deviations


def test_it_is_the_same_every_time_and_in_blocks(monkeypatch):
    rng = np.random.default_rng(5)
    a, b = rng.random((2, 200)) < 0.4
    whole = paired_interval(runs(a), runs(b))
    assert paired_interval(runs(a), runs(b)) == whole
    monkeypatch.setattr(bootstrap, "ELEMENTS", 200 * 300)
    np.testing.assert_allclose(paired_interval(runs(a), runs(b)), whole, atol=1e-9)


def test_what_cannot_be_paired():
    with pytest.raises(UserError, match="same queries"):
        paired_interval(runs(ONCE), runs(ONCE, asked=2 * ONCE))
    with pytest.raises(UserError, match="1 seeds cannot be paired with 2"):
        paired_interval(runs(ONCE), runs(ONCE, ONCE))


def test_weights_are_those_of_a_weighted_ratio():
    rng = np.random.default_rng(7)
    a, b, weights = rng.random(200) < 0.3, rng.random(200) < 0.4, rng.uniform(0.1, 3, 200)
    weighted = lambda right: [[Hits(right, ONCE, weights)]]
    ratio = lambda g, n, axis: 100 * g.sum(axis) / n.sum(axis)
    expected = stats.bootstrap(
        (weights * (b.astype(float) - a), weights), ratio, paired=True, n_resamples=10_000, method="percentile",
        random_state=1,
    ).confidence_interval  # fmt: skip
    found = paired_interval(weighted(a), weighted(b))
    np.testing.assert_allclose(found, expected, atol=0.5)
    assert found != pytest.approx(paired_interval(runs(a), runs(b)), abs=0.5)
    equal = [[Hits(right, ONCE, np.full(200, 1 / 7))] for right in (a, b)]
    assert paired_interval(*[[hits] for hits in equal]) == pytest.approx(paired_interval(runs(a), runs(b)))
    with pytest.raises(UserError, match="same queries"):
        paired_interval(weighted(a), runs(b))


# ------------------------------------------------------------------ metrics of scores
def scored(kind, seed, seeds, noise, images=150):
    """[seed][metric] of two classes, which all runs are asked alike."""
    present = (np.random.default_rng(11).random((images, 2)) < 0.4).astype(np.int8)
    rng = np.random.default_rng(seed)
    return [[kind(present + noise * rng.standard_normal((images, 2)), present)] for _ in range(seeds)]


@pytest.mark.parametrize("kind", [AveragePrecision, RocAuc])
def test_metrics_of_scores_are_compared_on_drawn_pictures(monkeypatch, kind):
    """scipy draws pictures, and has each figure of them anew."""
    monkeypatch.setattr(bootstrap, "RESAMPLES", 2000)
    a, b = scored(kind, 1, 1, 1.5), scored(kind, 2, 1, 0.8)
    scores, present = (a[0][0].scores, b[0][0].scores), a[0][0].present

    def gained(numbers):
        return 100 * (
            kind(scores[1][numbers], present[numbers]).share - kind(scores[0][numbers], present[numbers]).share
        )

    expected = stats.bootstrap(
        (np.arange(150),), gained, n_resamples=1000, method="percentile", random_state=1, vectorized=False
    ).confidence_interval
    np.testing.assert_allclose(paired_interval(a, b), expected, atol=1.0)
    assert paired_interval(a, a) == (0, 0)
    with pytest.raises(UserError, match="same queries"):
        paired_interval(a, runs(ONCE[:150], asked=ONCE[:150]))


def test_what_seeds_of_scores_do_not_share_is_counted_once(monkeypatch):
    """Seeds that rank as each other do have all in common; what is drawn anew for each has little."""
    monkeypatch.setattr(bootstrap, "RESAMPLES", 2000)
    base, one = scored(RocAuc, 1, 1, 1.5), scored(RocAuc, 2, 1, 0.8)
    alone = paired_interval(base, one)
    np.testing.assert_allclose(paired_interval(3 * base, 3 * one), alone, atol=1e-9)
    several = paired_interval(scored(RocAuc, 3, 5, 1.5), scored(RocAuc, 4, 5, 1.5))
    assert several[0] < 0 < several[1] and np.diff(several) < 15
