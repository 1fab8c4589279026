import hashlib
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from tandemclip.core.config.build import build
from tandemclip.core.data.scenes.drawing import PAINT, projected_crop
from tandemclip.core.data.scenes.plan import COLORS, DIGITS, IRRELEVANT
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.errors import UserError


def records(source, count=300):
    return [source[index] for index in range(count)]


def square(record, thing):
    x1, y1, x2, y2 = (round(edge * len(record.pixels)) for edge in thing.box)
    return record.pixels[y1:y2, x1:x2]


def names(thing):
    """("red", "seven") of "small red seven" """
    return thing.phrase.split()[-2:]


def fingerprint(source, indices):
    state = hashlib.sha256()
    for index in indices:
        record = source[index]
        state.update(record.pixels.tobytes() + repr((record.key, record.captions, record.summary)).encode())
        for thing in record.objects:
            state.update(repr((thing.box, thing.phrase, thing.confidence)).encode() + thing.feature.tobytes())
    return state.hexdigest()


def test_a_scene_is_the_same_in_every_process_and_order():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from test_scenes import *;"
        "print(fingerprint(Scenes(noise=0.5), [5, 3, 700]))"
    )
    here = __file__.rsplit("/", 1)[0]
    answer = subprocess.run([sys.executable, "-c", code, here], capture_output=True, text=True, check=True)
    source = Scenes(noise=0.5)
    _ = source[700], source[3]
    assert answer.stdout.strip() == fingerprint(source, [5, 3, 700])


def test_seed_split_and_index_make_different_scenes():
    scenes = [Scenes()[0], Scenes()[1], Scenes(seed=1)[0], Scenes(split="held_out")[0]]
    assert len({scene.pixels.tobytes() for scene in scenes}) == len({scene.key for scene in scenes}) == 4


def test_no_handwriting_is_in_both_splits():
    train, train_labels = Scenes()._handwriting
    held_out, held_out_labels = Scenes(split="held_out")._handwriting
    assert len(train) + len(held_out) == 1797 and len(held_out) == 359
    assert not {image.tobytes() for image in train} & {image.tobytes() for image in held_out}
    assert set(train_labels) == set(held_out_labels) == set(range(10))


def test_one_and_two_digits_are_equally_frequent_and_all_classes_occur():
    scenes = records(Scenes(), 1000)
    assert abs(np.mean([len(scene.objects) == 1 for scene in scenes]) - 0.5) < 0.06
    assert all((scene.label is None) == (len(scene.objects) > 1) for scene in scenes)
    phrases = {thing.phrase for scene in scenes for thing in scene.objects}
    assert phrases == {f"{color} {digit}" for color in COLORS[:4] for digit in DIGITS}


def test_texts_say_what_the_objects_are():
    for scene in records(Scenes(digits=3, colors=8, size_words=True)):
        phrases = [thing.phrase for thing in scene.objects]
        assert len(set(phrases)) == len(phrases)
        assert scene.summary == " and ".join(phrases)
        assert scene.captions == (" and ".join(("an " if phrase[0] == "o" else "a ") + phrase for phrase in phrases),)


def test_squares_lie_inside_do_not_overlap_and_have_the_promised_sizes():
    for scene in records(Scenes(digits=3, size_words=True), 500):
        taken = np.zeros(scene.pixels.shape[:2], int)
        for thing in scene.objects:
            x1, y1, x2, y2 = (round(edge * 48) for edge in thing.box)
            assert 0 <= x1 < x2 <= 48 and 0 <= y1 < y2 <= 48 and x2 - x1 == y2 - y1
            taken[y1:y2, x1:x2] += 1
            side = (x2 - x1) / 48
            assert thing.confidence == pytest.approx(side)
            limits = (
                ((0.66, 0.8) if len(scene.objects) == 1 else (0.5, 0.5)) if "large" in thing.phrase else (0.35, 0.62)
            )
            assert limits[0] <= side <= limits[1]
        assert taken.max() == 1


def test_a_digit_has_the_colour_that_its_phrase_says():
    for scene in records(Scenes(colors=8)):
        for thing in scene.objects:
            crop = square(scene, thing).reshape(-1, 3).astype(float)
            ink = crop[crop.max(1) > 180]  # the ground is dimmer
            distances = np.linalg.norm(ink[:, None] - PAINT[None], axis=-1)
            assert COLORS[np.bincount(distances.argmin(1), minlength=8).argmax()] == names(thing)[0]


def test_a_digit_is_the_one_that_its_phrase_says():
    """A classifier that only knows scikit-learn's images reads the drawn ones."""
    data = load_digits()
    reader = KNeighborsClassifier(3).fit(data.images.reshape(-1, 64), data.target)
    right = []
    for scene in records(Scenes(split="held_out"), 300):
        for thing in scene.objects:
            crop = square(scene, thing).astype(np.float32).max(2)
            edges = np.linspace(0, len(crop), 9).astype(int)
            blocks = np.array(
                [[crop[a:b, c:d].mean() for c, d in zip(edges, edges[1:])] for a, b in zip(edges, edges[1:])]
            )
            ink = np.clip((blocks - 75) / (blocks.max() - 75), 0, 1) * 16
            right.append(DIGITS[reader.predict(ink.reshape(1, -1))[0]] == names(thing)[1])
    assert np.mean(right) > 0.9


def cubic(side):
    """[side, 8]: the weights of bicubic interpolation as OpenCV has it (Keys 1981, a = -0.75, edges repeated)."""
    weights = np.zeros((side, 8))
    for row in range(side):
        place = (row + 0.5) * 8 / side - 0.5
        for tap in range(int(np.floor(place)) - 1, int(np.floor(place)) + 3):
            x, a = abs(place - tap), -0.75
            near, far = (a + 2) * x**3 - (a + 3) * x**2 + 1, a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
            weights[row, min(max(tap, 0), 7)] += near if x <= 1 else far if x < 2 else 0
    return weights


def test_a_mask_is_the_ink_of_a_handwriting_of_its_category():
    """By the formula of the interpolation, for every handwriting: one of the category fits, at every pixel."""
    data = load_digits()
    for scene in records(Scenes(size=96, size_words=True), 12):
        for thing in scene.objects:
            x1, y1, x2, y2 = (round(edge * 96) for edge in thing.box)
            ink = (
                1.3
                * cubic(y2 - y1)
                @ (data.images[data.target == DIGITS.index(thing.category)] / 16)
                @ cubic(x2 - x1).T
            )
            clear = np.abs(ink - 0.5) > 1e-3
            inside = thing.mask[y1:y2, x1:x2]
            assert (((ink > 0.5) == inside) | ~clear).all((1, 2)).any()
            assert thing.mask.shape == (96, 96) and thing.mask.dtype == bool
            assert thing.mask.sum() == inside.sum() > 0


def test_a_mask_lies_where_the_picture_is_painted():
    for scene in records(Scenes(size=96, colors=8), 40):
        for thing in scene.objects:
            paint = PAINT[COLORS.index(thing.attributes[-1])]
            ground = np.median(scene.pixels.reshape(-1, 3), 0)
            share = (square(scene, thing) - ground) @ (paint - ground) / np.sum((paint - ground) ** 2)
            x1, y1, x2, y2 = (round(edge * 96) for edge in thing.box)
            painted, inside = share > 0.5, thing.mask[y1:y2, x1:x2]
            assert np.sum(painted & inside) / np.sum(painted | inside) > 0.8


@pytest.mark.parametrize("size_words", [False, True])
def test_category_and_attributes_are_the_words_of_the_phrase(size_words):
    source = Scenes(digits=3, size_words=size_words)
    assert source.categories == DIGITS
    for scene in records(source, 50):
        for thing in scene.objects:
            assert " ".join([*thing.attributes, thing.category]) == thing.phrase and thing.category in DIGITS
            assert [name in COLORS for name in thing.attributes] == ([False] if size_words else []) + [True]
            assert not size_words or thing.attributes[0] in ("small", "large")
            assert thing.marks == frozenset()


def test_labels_of_single_digits():
    source = Scenes(split="held_out", digits=1)
    for scene in records(source, 100):
        color, digit = names(scene.objects[0])
        assert scene.label == scene.attributes["digit"] == DIGITS.index(digit)
        assert source.class_names[scene.label] == digit and COLORS[scene.attributes["color"]] == color


def test_prompts_are_captions_of_their_class():
    source = Scenes(digits=1, colors=8)
    captions = {scene.captions[0]: scene.attributes for scene in records(source, 2000)}
    for attribute, classes in source.prompts.items():
        assert len(classes) == {"digit": 10, "color": 8}[attribute]
        for number, prompts in enumerate(classes):
            known = [captions[prompt][attribute] for prompt in prompts if prompt in captions]
            assert known and set(known) == {number}


def test_without_noise_there_is_no_defect():
    assert not any(words in scene.captions[0] for scene in records(Scenes()) for words in IRRELEVANT)
    assert all(scene.objects for scene in records(Scenes()))


def test_noise_is_the_probability_of_each_defect():
    scenes = records(Scenes(noise=0.4), 2000)
    redundant = [any(words in scene.captions[0] for words in IRRELEVANT) for scene in scenes]
    without_objects = [not scene.objects for scene in scenes]
    omitted = [len(scene.objects) > scene.summary.count(" and ") + 1 for scene in scenes]
    assert abs(np.mean(redundant) - 0.4) < 0.04
    assert abs(np.mean(without_objects) + np.mean(omitted) - 0.4) < 0.04
    assert (
        abs(np.mean(omitted) - 0.1) < 0.03
    )  # half of the scenes have two digits, half of those defects are in the text
    assert not any(words in scene.summary for scene in scenes for words in IRRELEVANT)


def test_clutter_is_in_the_picture_only():
    """More scenes than 1 - noise have large patches of strong colour away from every object."""

    def patches(source):
        found = []
        for index in range(300):
            scene = source[index]
            pixels = scene.pixels.astype(int)
            for thing in scene.objects:
                square(scene, thing)[:] = 0
            strong = scene.pixels.max(2).astype(int) - scene.pixels.min(2) > 70
            found.append(strong.sum() > 40)
            assert pixels.shape == (48, 48, 3)
        return np.mean(found)

    clean = patches(Scenes(digits=1))
    noisy = patches(Scenes(digits=1, noise=0.5))
    assert clean < 0.02 < 0.2 < noisy


def test_the_roi_feature_is_one_fixed_affine_map_of_the_crop():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 127, (2, 8, 8, 3), np.uint8)
    zero = projected_crop(np.zeros((8, 8, 3), np.uint8), 16)
    total = projected_crop(a + b, 16) - zero
    np.testing.assert_allclose(total, (projected_crop(a, 16) - zero) + (projected_crop(b, 16) - zero), atol=1e-4)
    scene = Scenes(roi_dim=16)[0]
    np.testing.assert_array_equal(scene.objects[0].feature, projected_crop(square(scene, scene.objects[0]), 16))


def test_texts_are_those_of_the_scenes():
    source = Scenes(noise=0.3, count=50)
    texts = list(source.texts(1000))
    assert {scene.captions[0] for scene in records(source, 50)} <= set(texts)
    assert list(source.texts(10)) == texts[: len(list(source.texts(10)))]


@pytest.mark.parametrize("wrong", [{"colors": 9}, {"digits": 0}, {"noise": 1.5}, {"size": 8}, {"count": 0}])
def test_a_value_out_of_range_is_named(wrong):
    with pytest.raises(UserError, match=f"{next(iter(wrong))} is {next(iter(wrong.values()))}"):
        build(Scenes, wrong)


def test_an_index_out_of_range_ends_iteration():
    assert len(list(iter(Scenes(count=3)))) == 3


def test_scenes_are_what_they_always_were():
    """By the sum of their pixels, clutter and defects included: what was published was trained on these."""
    sums = lambda scenes: [int(scenes[number].pixels.sum(dtype=int)) for number in range(5)]
    assert sums(Scenes(count=5)) == [584838, 566846, 445346, 508719, 481488]
    assert sums(Scenes(count=5, size=96, noise=1.0, seed=3)) == [1707856, 1806448, 2179752, 2438327, 2325915]
