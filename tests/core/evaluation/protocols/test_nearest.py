"""What is found for some questions, against sorting all of them."""

import numpy as np
import pytest

from tandemclip.core.evaluation.protocols.nearest import SHOWN, examples


def dot(images, texts):
    return images @ texts.T


@pytest.mark.parametrize("count, most", [(30, 3), (3, 1), (1, 2), (12, 5)])
def test_against_sorting(count, most):
    rng = np.random.default_rng(count)
    owner = np.sort(np.concatenate([np.arange(0, count, 2), rng.integers(0, count, most * count // 2)]))
    images, texts = rng.standard_normal((count, 4)), rng.standard_normal((len(owner), 4))
    captions = [f"caption {number}" for number in range(len(owner))]
    found = examples(images, texts, owner, captions, dot)
    of_image, of_text = found["i2t/R@1"], found["t2i/R@1"]
    assert len(of_image.asked) == min(SHOWN, len(np.unique(owner))) == len(set(of_image.asked.tolist()))
    for row, number in enumerate(of_image.asked):
        order = sorted(range(len(texts)), key=lambda text: -(images[number] @ texts[text]))
        assert [of_image.name(place) for place in of_image.first[row]] == [captions[text] for text in order[:5]]
        own = {of_image.name(place) for place in of_image.right[row] if place >= 0}
        assert own == {captions[text] for text in np.flatnonzero(owner == number)} and own
    assert len(of_text.asked) == min(SHOWN, len(owner))
    for row, place in enumerate(of_text.asked):
        text = captions.index(of_text.name(place))
        order = sorted(range(count), key=lambda number: -(images[number] @ texts[text]))
        assert of_text.first[row].tolist() == order[:5] and of_text.right[row].tolist() == [owner[text]]


def test_the_questions_are_the_same_for_any_model():
    rng, owner = np.random.default_rng(0), np.repeat(np.arange(20), 2)
    make = lambda: examples(rng.standard_normal((20, 3)), rng.standard_normal((40, 3)), owner, ["x"] * 40, dot)
    one, other = make(), make()
    for name in one:
        np.testing.assert_array_equal(one[name].asked, other[name].asked)
