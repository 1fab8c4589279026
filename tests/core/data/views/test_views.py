import numpy as np
import pytest

from tandemclip.core.data import images
from tandemclip.core.data.records import BrokenRecord, Object, Record
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.tokenizers.trained import TrainedTokenizer
from tandemclip.core.data.views.draws import DrawsView
from tandemclip.core.data.views.image import CentreView, ImageView
from tandemclip.core.data.views.label import ClassView, LabelView, PresentView, hashed
from tandemclip.core.data.views.rois import RoiView
from tandemclip.core.data.views.text import TextView
from tandemclip.core.data.views.view import View, batch_arrays
from tandemclip.core.errors import UserError

HASHED = [
    206563420,
    408697568,
]  # blake2b of 8 bytes, little-endian, shifted right by one: its halves, the upper one first
WORDS = TrainedTokenizer.train(["one two three summary dog cat , tree"], 30)


def rng(seed=0):
    return np.random.default_rng(seed)


def ids(text, length=12):
    return WORDS([text], length)[0].tolist()


def record(**fields):
    return Record("key", np.zeros((30, 40, 3), np.uint8), **fields)


@pytest.mark.parametrize(
    "view",
    [
        ImageView(32, (0.5, 1.0), flip=True),
        CentreView(20),
        TextView("caption", 9),
        TextView("objects", 16),
        RoiView(64, 5),
        LabelView(),
        LabelView("color"),
        PresentView(3),
        ClassView(),
        TextView("caption", 9, "texts"),
        TextView("caption", 9, "labels"),
        DrawsView(5),
    ],
)
def test_arrays_are_what_a_view_gives(view):
    declared = view.arrays()
    for index in range(5):
        given = view(Scenes(noise=0.5)[index], rng(), WORDS)
        assert given.keys() == declared.keys()
        for suffix, (shape, dtype) in declared.items():
            assert (given[suffix].shape, given[suffix].dtype) == (shape, dtype)


def test_a_batch_has_the_names_of_its_views():
    views = {"image_global": ImageView(32), "rois": RoiView(8, 3)}
    assert batch_arrays(views, 7) == {
        "image_global": ((7, 3, 32, 32), np.float32),
        "rois": ((7, 3, 12), np.float32),
        "rois_mask": ((7, 3), np.float32),
    }


def test_the_whole_picture_at_its_own_size_is_only_normalised():
    pixels = rng().integers(0, 255, (24, 24, 3), np.uint8)
    seen = ImageView(24, (1.0, 1.0), ratio=(1.0, 1.0))(Record("key", pixels), rng(), WORDS)[""]
    np.testing.assert_array_equal(seen, images.normalise(pixels, images.CLIP_MEAN, images.CLIP_STD))


def test_flips_are_as_configured():
    pixels = np.tile(np.arange(24, dtype=np.uint8)[None, :, None], (24, 1, 3))

    def turned(flip):
        view = ImageView(24, (1.0, 1.0), flip, (1.0, 1.0))
        seen = [view(Record("key", pixels), rng(seed), WORDS)[""][0, 0] for seed in range(200)]
        return np.mean([row[0] > row[-1] for row in seen])

    assert turned(False) == 0 and 0.4 < turned(True) < 0.6


def test_a_local_view_keeps_less_of_the_picture():
    ramp = np.tile(np.linspace(0, 255, 100).astype(np.uint8)[None, :, None], (100, 1, 3))

    def kept(area):  # of the ramp's width
        views = [
            ImageView(20, area, mean=(0,) * 3, std=(1,) * 3)(Record("key", ramp), rng(seed), WORDS)[""]
            for seed in range(100)
        ]
        return np.mean([view[0, 0, -1] - view[0, 0, 0] for view in views])

    assert kept((0.25, 0.3)) < 0.6 < 0.85 < kept((0.9, 1.0))


def test_captions_are_drawn_and_all_of_them():
    captions = ("one", "two", "three")
    seen = [TextView("caption", 12)(record(captions=captions), rng(seed), WORDS)[""].tolist() for seed in range(60)]
    assert {tuple(row) for row in seen} == {tuple(ids(caption)) for caption in captions}


def test_a_summary_falls_back_to_the_caption():
    view = TextView("summary", 12)
    assert view(record(captions=("one",), summary="summary"), rng(), WORDS)[""].tolist() == ids("summary")
    assert view(record(captions=("one",)), rng(), WORDS)[""].tolist() == ids("one")


def test_a_record_without_captions_is_broken_for_a_text_view_only():
    with pytest.raises(BrokenRecord, match="no caption"):
        TextView("caption", 12)(record(), rng(), WORDS)
    assert TextView("objects", 12)(record(), rng(), WORDS)[""].tolist() == ids("")


def thing(phrase, confidence, feature=None):
    return Object(
        (0.1, 0.2, 0.3, confidence), phrase, confidence, None if feature is None else np.array(feature, np.float32)
    )


def test_object_phrases_come_by_confidence_and_at_most_ten():
    objects = (thing("dog", 0.5), thing("cat", 0.9), thing("tree", 0.5))
    text = TextView("objects", 12)(record(objects=objects), rng(), WORDS)[""].tolist()
    assert text == ids("cat, dog, tree")
    many = tuple(thing("one" if number < 10 else "two", 1 - number / 20) for number in range(12))
    assert TextView("objects", 40)(record(objects=many), rng(), WORDS)[""].tolist() == ids(", ".join(["one"] * 10), 40)


def test_rois_are_features_and_corners_by_confidence_with_a_mask():
    objects = (thing("a", 0.25, [1, 2]), thing("b", 1.0), thing("c", 0.75, [3, 4]), thing("d", 0.5, [5, 6]))
    rois = RoiView(2, 4)(record(objects=objects), rng(), WORDS)
    corners = np.float32([0.1, 0.2, 0.3])
    np.testing.assert_array_equal(rois["_mask"], [1, 1, 1, 0])  # b has no feature
    np.testing.assert_array_equal(rois[""][:, :2], [[3, 4], [5, 6], [1, 2], [0, 0]])
    np.testing.assert_array_equal(rois[""][:, 2:5], [corners, corners, corners, [0, 0, 0]])
    np.testing.assert_array_equal(rois[""][:, 5], [0.75, 0.5, 0.25, 0])
    assert RoiView(2, 1)(record(objects=objects), rng(), WORDS)[""][0, :2].tolist() == [3, 4]


def test_features_of_another_size_are_named():
    with pytest.raises(UserError, match=r"key: .*shape \[2\].*expects \[5\]"):
        RoiView(5, 4)(record(objects=(thing("a", 1.0, [1, 2]),)), rng(), WORDS)


def test_labels():
    labelled = record(label=3, attributes={"color": 2})
    assert [int(LabelView(name)(labelled, rng(), WORDS)[""]) for name in (None, "color", "digit")] == [3, 2, -1]
    assert int(LabelView()(record(), rng(), WORDS)[""]) == -1
    assert PresentView(3)(record(present=np.array([1, -1, 0], np.int8)), rng(), WORDS)[""].tolist() == [1, -1, 0]
    assert PresentView(2)(record(), rng(), WORDS)[""].tolist() == [-1, -1]
    with pytest.raises(UserError, match="says of \\(3,\\) classes .* expected one number for each of 2"):
        PresentView(2)(record(present=np.zeros(3, np.int8)), rng(), WORDS)


def label(targets, **fields):
    return TextView("caption", 12, targets)(record(**fields), rng(), WORDS)["_label"].tolist()


def test_equal_texts_share_a_label():
    assert (
        label("texts", captions=("cat",))
        == label("texts", captions=("cat",), label=3)
        != label("texts", captions=("dog",))
    )


def test_a_class_comes_before_the_text_and_a_text_stands_for_itself():
    """UniCL's TargetM: y = 0 gets a label of its own, equal texts one."""
    cat, dog = (label("labels", captions=(text,), label=3) for text in ("cat", "dog"))
    assert cat == dog != label("labels", captions=("cat",), label=4)
    assert label("labels", captions=("cat",)) == label("texts", captions=("cat",)) != cat


def test_equal_classes_of_two_data_sets_are_not_one():
    found = [
        ClassView()(record(label=n, classes=c), rng(), WORDS)[""].tolist() for n, c in ((3, "0 "), (3, "1 "), (3, "0 "))
    ]
    assert found[0] == found[2] != found[1]
    assert label("labels", captions=("cat",), label=3, classes="0 ") != label(
        "labels", captions=("cat",), label=3, classes="1 "
    )


def test_a_label_is_63_bits_of_a_hash_that_does_not_change():
    """Written down: another process, another machine must find the same."""
    assert hashed(b"tandem").tolist() == HASHED and hashed(b"tandem")[0] >= 0
    found = np.stack([hashed(str(i).encode()) for i in range(1000)])
    assert len(np.unique(found, axis=0)) == 1000 and (np.abs(np.mean(found < 0, 0) - [0, 0.5]) < [1e-9, 0.06]).all()


def test_draws_are_the_samples_own():
    first, second = (DrawsView(1000)(record(), rng(seed), WORDS)[""] for seed in (0, 1))
    assert not np.array_equal(first, second) and 0 <= first.min() < 0.01 and 0.99 < first.max() < 1


@pytest.mark.parametrize("missing", ["arrays", "__call__"])
def test_a_view_declares_its_arrays_and_makes_them(missing):
    own = {"arrays": lambda self: {}, "__call__": lambda self, record, rng, tokenizer: {}}
    assert type("Whole", (View,), own)().arrays() == {}
    with pytest.raises(TypeError, match=f"abstract.*{missing}"):
        type("Half", (View,), {name: one for name, one in own.items() if name != missing})()


@pytest.mark.parametrize("shape", [(30, 40), (40, 30), (33, 33), (24, 61)])
@pytest.mark.parametrize("crop_pct", [1.0, 0.8])
def test_a_box_stays_around_what_it_is_around(shape, crop_pct):
    """What is cut of a picture with one white rectangle is white within the box, up to half a pixel of its edges."""
    view, pixels = CentreView(16, crop_pct=crop_pct), np.zeros((*shape, 3), np.uint8)
    rows, columns = (slice(round(0.3 * side), round(0.7 * side)) for side in shape)
    pixels[rows, columns] = 255
    edges = (columns.start / shape[1], rows.start / shape[0], columns.stop / shape[1], rows.stop / shape[0])
    x1, y1, x2, y2 = (16 * edge for edge in view.box(pixels, edges))
    middles = np.arange(16) + 0.5
    covered = lambda first, last: np.clip(np.minimum(middles + 0.5, last) - np.maximum(middles - 0.5, first), 0, 1)
    wanted = 255 * np.outer(covered(y1, y2), covered(x1, x2))
    assert np.abs(view.cut(pixels)[:, :, 0] - wanted).max() < 255 * 0.3
