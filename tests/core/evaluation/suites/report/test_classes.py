"""Which classes are worst and what they are taken for, against plain counting."""

from collections import Counter

import numpy as np
import pytest

from tandemclip.core.answers import of_classes
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.evaluation.suites.report.classes import BEST, CONFUSED, PICTURES, WORST, Counts, panel


def drawn(classes, pictures, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(-1, classes, pictures)
    predicted = np.stack([rng.permutation(classes)[:5] for _ in range(pictures)])
    predicted[::3, 0] = np.maximum(labels[::3], 0)
    return predicted, labels


@pytest.mark.parametrize("classes, pictures", [(2, 7), (6, 50), (40, 300)])
def test_counts(classes, pictures):
    predicted, labels = drawn(classes, pictures)
    counts = Counts(of_classes(predicted, labels))
    pairs = [(label, best) for label, best in zip(labels.tolist(), predicted[:, 0].tolist()) if label >= 0]
    for number in range(classes):
        own = [best for label, best in pairs if label == number]
        assert counts.images[number] == len(own)
        if own:
            assert counts.shares[number] == pytest.approx(own.count(number) / len(own))
        else:
            assert np.isnan(counts.shares[number])
    known = [number for number in range(classes) if counts.images[number] and counts.shares[number] < 1]
    worst = counts.worst()
    assert len(worst) == min(CONFUSED, len(known))
    highest = max(counts.shares[number] for number in worst)
    assert all(counts.shares[number] >= highest for number in set(known) - set(worst))
    for number in worst:
        taken, which = counts.errors(number)
        wrong = Counter(best for label, best in pairs if label == number != best)
        assert wrong[taken] == max(wrong.values()) == len(which)
        assert all(labels[asked] == number and predicted[asked, 0] == taken for asked in counts.answers.asked[which])


def texts(element):
    return ["".join(each.itertext()) for each in element.iter() if each.tag in ("th", "td", "summary")]


def test_all_classes_have_a_bar_where_they_are_few():
    source, (predicted, labels) = Scenes(size=32, count=50), drawn(6, 50)
    names = tuple("uvwxyz")
    bars, *confusions = panel(source, [("a", of_classes(predicted, labels, names))] * 2)
    assert set(names) < set(texts(bars)) and texts(bars)[0].endswith("all 6 classes that have pictures")
    assert len(confusions) == 2
    for table in confusions:
        for row in table.iter("tr"):
            assert 1 <= len([*row.iter("img")]) <= PICTURES


def test_many_classes_are_cut_and_it_is_said():
    predicted, labels = drawn(60, 900)
    bars, *_ = panel(Scenes(size=32, count=900), [("a", of_classes(predicted, labels))])
    rows = [row for row in bars.iter("tr")]
    assert len(rows) == 1 + WORST + BEST and f"the {WORST} lowest and {BEST} highest of 60 classes" in texts(bars)[0]
    shares = [float(texts(row)[2].strip(" %")) for row in rows[1:]]
    assert shares == sorted(shares)


def test_nothing_is_confused_where_all_is_right():
    labels = np.arange(6) % 3
    counts = Counts(of_classes(labels[:, None], labels))
    assert counts.worst() == [] and len(panel(Scenes(size=32, count=6), [("a", counts.answers)])) == 1


def test_classes_without_names_go_by_their_number():
    bars, *_ = panel(Scenes(size=32, count=6), [("a", of_classes(np.zeros((6, 1), int), np.arange(6) % 3))])
    assert {"class 0", "class 1", "class 2"} < set(texts(bars))


def test_classes_are_compared_by_name_where_two_methods_number_them_differently():
    """Of the first "a" is always right and "b" never; of the second it is the other way round."""
    asked = np.arange(6) % 2
    first = of_classes(np.where(asked == 0, 0, 2)[:, None], asked, ("a", "b", "c"))
    second = of_classes(np.where(asked == 0, 0, 2)[:, None], np.where(asked == 0, 1, 2), ("c", "a", "b"))
    bars, *_ = panel(Scenes(size=32, count=6), [("one", first), ("other", second)])
    rows = {texts(row)[0]: [text.strip() for text in texts(row)[2:]] for row in list(bars.iter("tr"))[1:]}
    assert rows == {"a": ["100%", "0%"], "b": ["0%", "100%"]}


def test_an_answer_beyond_the_named_classes_goes_by_its_number():
    labels = np.arange(6) % 2
    bars, confused = panel(Scenes(size=32, count=6), [("one", of_classes(np.full((6, 1), 7), labels, ("a", "b")))])
    assert "3 taken for class 7" in texts(confused)
