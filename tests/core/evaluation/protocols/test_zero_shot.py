"""Zero-shot classification on features whose answer is known."""

import numpy as np
import pytest

from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols import zero_shot


def rank_by_loop(image, classes):
    cosine = [sum(a * b for a, b in zip(image, one)) / np.linalg.norm(one) for one in classes]
    return sorted(range(len(classes)), key=lambda index: (-cosine[index], index))


def test_class_embedding_is_the_direction_of_the_mean_direction():
    vectors = {"a": [3.0, 0.0], "b": [0.0, 0.1], "c": [0.0, -7.0]}
    found = zero_shot.class_embeddings(lambda texts: np.array([vectors[text] for text in texts]), [["a", "b"], ["c"]])
    np.testing.assert_allclose(found, [[np.sqrt(0.5), np.sqrt(0.5)], [0.0, -1.0]], atol=1e-15)


def test_class_embeddings_with_unequal_numbers_of_prompts():
    generator = np.random.default_rng(0)
    features = {f"{c} {p}": generator.standard_normal(6) for c, n in enumerate([1, 4, 2]) for p in range(n)}
    prompts = [[f"{c} {p}" for p in range(n)] for c, n in enumerate([1, 4, 2])]
    found = zero_shot.class_embeddings(lambda texts: np.stack([features[text] for text in texts]), prompts)
    for row, names in zip(found, prompts):
        total = sum(features[name] / np.sqrt((features[name] ** 2).sum()) for name in names)
        np.testing.assert_allclose(row, total / np.sqrt((total**2).sum()), atol=1e-14)


@pytest.mark.parametrize("prompts", [[], [["a"], []]])
def test_class_without_a_prompt(prompts):
    with pytest.raises(UserError, match="prompt"):
        zero_shot.class_embeddings(lambda texts: np.ones((len(texts), 2)), prompts)


@pytest.mark.parametrize("images, classes, dimension", [(7, 9, 4), (1, 1, 1), (5, 3, 8)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ranking_against_a_loop(images, classes, dimension, dtype):
    generator = np.random.default_rng(1)
    image_features = generator.standard_normal((images, dimension)).astype(dtype)
    class_features = (generator.standard_normal((classes, dimension)) * 10.0 ** generator.integers(-2, 3)).astype(dtype)
    found = zero_shot.classify(image_features, class_features, top=5)
    assert found.shape == (images, min(5, classes))
    for row, image in zip(found, image_features):
        assert list(row) == rank_by_loop(image, class_features)[:5]


def test_blocks_of_images_do_not_show(monkeypatch):
    generator = np.random.default_rng(2)
    image_features, class_features = generator.standard_normal((11, 5)), generator.standard_normal((6, 5))
    whole = zero_shot.classify(image_features, class_features)
    monkeypatch.setattr(zero_shot, "ROWS", 4)
    np.testing.assert_array_equal(zero_shot.classify(image_features, class_features), whole)


def test_equal_classes_keep_their_order():
    classes = np.tile([1.0, 0.0], (100, 1))  # many: numpy's sort keeps the order of a few by itself
    assert zero_shot.classify(np.array([[1.0, 0.0], [0.0, 1.0]]), classes, top=3).tolist() == [[0, 1, 2]] * 2


def test_accuracy_by_construction():
    """Class c stands at place c of each ranking: first for class 0, fifth for class 4, sixth for class 5."""
    predictions = np.tile(np.arange(6), (8, 1))
    found = zero_shot.accuracy(predictions, np.array([0, 0, 0, 1, 4, 4, 5, 5]), classes=7)
    assert found.top1 == 3 / 8 and found.top5 == 6 / 8
    np.testing.assert_array_equal(found.per_class, [1, 0, np.nan, np.nan, 0, 0, np.nan])
    assert found.mean_per_class == 1 / 4


def test_accuracy_with_fewer_than_five_classes():
    found = zero_shot.accuracy(np.array([[1, 0], [1, 0]]), np.array([1, 0]), classes=2)
    assert (found.top1, found.top5, found.mean_per_class) == (0.5, 1.0, 0.5)


@pytest.mark.parametrize(
    "predictions, labels", [(np.zeros((2, 1)), [0, 3]), (np.zeros((2, 1)), [0]), (np.zeros((0, 1)), [])]
)
def test_labels_that_do_not_fit(predictions, labels):
    with pytest.raises(UserError, match="expected"):
        zero_shot.accuracy(predictions, np.array(labels, dtype=int), classes=3)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_feature_without_a_direction_is_named(value):
    features = np.ones((3, 2))
    features[1] = value
    with pytest.raises(UserError, match="image features.*row 1"):
        zero_shot.classify(features, np.eye(2))
