"""From boxed phrases to the object level of the pyramid."""

import json

import cv2
import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.data.sources.shard_writer import write_shard
from tandemclip.core.data.sources.shards import Shards
from tandemclip.core.data.views.rois import RoiView
from tandemclip.core.errors import UserError
from tandemclip.core.preparation.objects import add_objects, pool, strongest
from tandemclip.core.preparation.rewrite import samples as read
from tandemclip.core.serving.model import Model
from tandemclip.core.spec import initial_weights
from tandemclip.core.training import config
from tandemclip.core.training.update import AdamW

GRID = np.random.default_rng(0).standard_normal((5, 3, 4))


def picture(seed, height=40, width=60):
    pixels = np.random.default_rng(seed).integers(0, 255, (height // 10, width // 10, 3), np.uint8)
    return cv2.imencode(".png", cv2.resize(pixels, (width, height)))[1].tobytes()


def described(phrases, **more):
    return json.dumps(
        {"captions": ["something"], "phrases": [{"phrase": p, "box": b} for p, b in phrases], **more}
    ).encode()


def model_of(root, seed=0, batch_size=3):
    method = config.read(root / "configs" / "pretrain" / "tiny_pyramidclip_vit.yaml")[0].method
    engine = backends.load("torch")(method, initial_weights(method, seed), AdamW())
    return Model(engine, method, None, batch_size)


@pytest.fixture(scope="module")
def model(root):
    return model_of(root)


# ------------------------------------------------------------------ pooling over a box
def test_a_box_equal_to_a_cell_has_that_cell():
    for row in range(3):
        for column in range(4):
            box = (column / 4, row / 3, (column + 1) / 4, (row + 1) / 3)
            np.testing.assert_allclose(pool(GRID, box), GRID[:, row, column])


def test_the_whole_picture_has_the_mean():
    np.testing.assert_allclose(pool(GRID, (0, 0, 1, 1)), GRID.mean((1, 2)))
    np.testing.assert_allclose(pool(GRID, (-0.2, -1, 1.3, 2)), GRID.mean((1, 2)))  # nothing lies outside


@pytest.mark.parametrize("seed", range(5))
def test_a_box_is_the_mean_of_many_points_in_it(seed):
    x1, x2, y1, y2 = (n / 120 for n in np.sort(np.random.default_rng(seed).choice(121, (2, 2), False), 1).ravel())
    fine = GRID.repeat(40, 1).repeat(30, 2)  # 120 x 120 points
    rows, columns = (slice(round(a * 120), round(b * 120)) for a, b in ((y1, y2), (x1, x2)))
    np.testing.assert_allclose(pool(GRID, (x1, y1, x2, y2)), fine[:, rows, columns].mean((1, 2)))


def test_areas_add_up():
    left, right, both = (
        pool(GRID, box) for box in ((0.1, 0.2, 0.4, 0.7), (0.4, 0.2, 0.95, 0.7), (0.1, 0.2, 0.95, 0.7))
    )
    np.testing.assert_allclose(both * 0.85, left * 0.3 + right * 0.55)


@pytest.mark.parametrize(
    "box, cell", [((0.3, 0.5, 0.3, 0.5), (1, 1)), ((1, 1, 1, 1), (2, 3)), ((0.9, 0.1, 0.8, 0), (0, 3))]
)
def test_a_box_without_area_has_the_cell_it_lies_in(box, cell):
    np.testing.assert_allclose(pool(GRID, box), GRID[:, cell[0], cell[1]])


# ------------------------------------------------------------------ whole shards
BOXES = [
    ("small", [0.1, 0.1, 0.2, 0.2]),
    ("wide", [0, 0.5, 1, 1]),
    ("all", [0, 0, 1, 1]),
    ("quarter", [0.5, 0, 1, 0.5]),
]


def test_objects_by_size_with_the_features_of_their_regions(model, tmp_path):
    samples = [(f"{i}", {"png": picture(i), "json": described(BOXES[i % 2 :], id=i), "cls": b"7"}) for i in range(7)]
    write_shard(tmp_path / "in" / "a.tar", samples)
    done = add_objects([str(tmp_path / "in" / "*.tar")], tmp_path / "out", model)
    assert done.counts == {"samples": 7, "objects": 4 * 4 + 3 * 3}
    before, after = Shards(str(tmp_path / "in" / "a.tar")), Shards(str(tmp_path / "out" / "a.tar"))
    for i in range(7):
        record = after[i]
        things = record.objects
        assert (record.image, record.captions, record.label) == (before[i].image, before[i].captions, 7)
        assert [thing.phrase for thing in things] == ["all", "wide", "quarter", "small"][: 4 - i % 2]
        assert [thing.confidence for thing in things] == [1, 0.5, 0.25, 0.01][: 4 - i % 2]
        assert record.strongest_objects(10) == list(things)
        small = cv2.resize(record.pixels, (32, 32), interpolation=cv2.INTER_AREA)
        view = model.method.inference_view()
        pixels = ((small / 255 - view.mean) / view.std).transpose(2, 0, 1).astype(np.float32)
        grid = model.engine.apply("encode_grid", pixels[None])[0]  # [32, 4, 4]
        means = [grid.mean((1, 2)), grid[:, 2:].mean((1, 2)), grid[:, :2, 2:].mean((1, 2)), grid[:, 0, 0]]
        for thing, mean in zip(things, means):
            np.testing.assert_allclose(thing.feature, mean, rtol=2e-3, atol=2e-3)
        rois = RoiView(32)(record, None, None)
        np.testing.assert_array_equal(rois["_mask"], [1] * len(things) + [0] * (10 - len(things)))
        np.testing.assert_allclose(rois[""][1, 32:], [0, 0.5, 1, 1])


def test_a_box_that_several_captions_named_is_one_object():
    box, other = [0, 0, 1, 0.5], [0, 0, 0.5, 0.5]
    phrases = [("a dog", box), ("snow", other), ("the brown dog", box), ("one brown dog", box), ("dog", box)]
    found = strongest({"phrases": [{"phrase": phrase, "box": place} for phrase, place in phrases]})
    assert [thing["phrase"] for thing in found] == ["the brown dog", "snow"]


def test_ten_objects_at_most_and_equal_sizes_in_their_order(model, tmp_path):
    phrases = [(f"{i}", [0, i % 4 / 10, 0.5, (i % 4 + 3 + i // 4) / 10]) for i in range(14)]
    write_shard(tmp_path / "in" / "a.tar", [("0", {"png": picture(0), "json": described(phrases)})])
    add_objects([str(tmp_path / "in" / "a.tar")], tmp_path / "out", model)
    found = [thing.phrase for thing in Shards(str(tmp_path / "out" / "a.tar"))[0].objects]
    assert found == ["12", "13", "8", "9", "10", "11", "4", "5", "6", "7"]


def test_a_detectors_objects_keep_their_confidence_and_features_are_made_anew(root, model, tmp_path):
    things = [
        {"phrase": name, "box": [0, 0, 1, share], "confidence": c}
        for name, share, c in (("b", 1, 0.4), ("a", 0.1, 0.9))
    ]
    write_shard(
        tmp_path / "0" / "a.tar", [("0", {"png": picture(0), "json": json.dumps({"objects": things}).encode()})]
    )
    add_objects([str(tmp_path / "0" / "a.tar")], tmp_path / "1", model)
    add_objects([str(tmp_path / "1" / "a.tar")], tmp_path / "2", model_of(root, seed=1))
    add_objects([str(tmp_path / "2" / "a.tar")], tmp_path / "3", model)
    found = [Shards(str(tmp_path / str(i) / "a.tar"))[0].objects for i in (1, 2, 3)]
    assert all([(thing.phrase, thing.confidence) for thing in objects] == [("a", 0.9), ("b", 0.4)] for objects in found)
    assert np.abs(found[0][0].feature - found[1][0].feature).max() > 0.1
    assert (tmp_path / "1" / "a.tar").read_bytes() == (tmp_path / "3" / "a.tar").read_bytes()


def test_what_cannot_be_described_is_copied_and_counted(model, tmp_path):
    good = described(BOXES)
    samples = [
        ("torn", {"png": picture(0)[:100], "json": good}),
        ("no_image", {"json": good}),
        ("no_json", {"png": picture(1), "txt": b"a caption"}),
        ("no_phrase", {"png": picture(1), "json": described([])}),
        ("bad_json", {"png": picture(1), "json": b"{"}),
        ("bad_box", {"png": picture(1), "json": described([("x", [0, 0, 1])])}),
        ("box_of_nan", {"png": picture(1), "json": described([("x", [0, 0, float("nan"), 1])])}),
        ("upside_down", {"png": picture(1), "json": described([("x", [0.5, 0, 0.1, 1])])}),
        ("other_encoding", {"png": picture(1), "json": good.decode().encode("utf-16")}),
        ("a_mapping", {"png": picture(1), "json": b'{"phrases": {"x": [0, 0, 1, 1]}}'}),
        ("good", {"png": picture(2), "json": good, "extra.bin": b"\0\1"}),
    ]
    write_shard(tmp_path / "in" / "a.tar", samples)
    done = add_objects([str(tmp_path / "in" / "a.tar")], tmp_path / "out", model)
    assert done.counts == {"samples": 11, "objects": 4}
    assert list(done.accounts[1].lines()) == [
        "described: 1 of 11 samples read",
        "  passed over, it cannot be read (8: torn, no_image, bad_json, ...)",
        "  passed over, it has no objects and no boxed phrases (2: no_json, no_phrase)",
    ]
    *copied, (key, contents) = read(tmp_path / "out" / "a.tar")
    assert copied == samples[:-1]
    assert key == "good" and contents["extra.bin"] == b"\0\1" and contents["png"] == samples[-1][1]["png"]


def test_another_image_tower_does_not_go_on_with_a_folder(root, model, tmp_path):
    write_shard(tmp_path / "in" / "a.tar", [("0", {"png": picture(0), "json": described(BOXES)})])
    patterns = [str(tmp_path / "in" / "a.tar")]
    add_objects(patterns, tmp_path / "out", model)
    other = model_of(root, seed=1)
    with pytest.raises(UserError, match="made with encoder"):
        add_objects(patterns, tmp_path / "out", other)
    weights, changed = other.engine.weights(), model.engine.weights()
    other.engine.load({name: (weights if name.startswith("text.") else changed)[name] for name in weights})
    assert add_objects(patterns, tmp_path / "out", other).counts["objects"] == 4  # the text tower has no part in it


# ------------------------------------------------------------------ features beside the json
def shard_with(tmp_path, rois):
    facts = {"objects": [{"phrase": "a", "box": [0, 0, 1, 1]}, {"phrase": "b", "box": [0, 0, 1, 0.5]}], "phrases": []}
    write_shard(tmp_path / "a.tar", [("0", {"png": picture(0), "json": json.dumps(facts).encode(), "rois.npy": rois})])
    return Shards(str(tmp_path / "a.tar"))


def npy(array, tmp_path):
    np.save(tmp_path / "rois.npy", array)
    return (tmp_path / "rois.npy").read_bytes()


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_features_are_read_from_their_own_member(tmp_path, dtype):
    rows = np.arange(6, dtype=dtype).reshape(2, 3)
    found = shard_with(tmp_path, npy(rows, tmp_path))[0].objects
    assert [thing.feature.tolist() for thing in found] == rows.tolist() and found[0].feature.dtype == np.float32


def test_features_that_do_not_fit_break_their_record(tmp_path):
    whole = npy(np.zeros((2, 3), np.float32), tmp_path)
    objects = npy(np.array([None, None]), tmp_path)  # a pickle inside: never read
    for rois in (
        b"",
        whole[:-1],
        whole[:20],
        b"no npy",
        npy(np.zeros((3, 3)), tmp_path),
        npy(np.float32(1), tmp_path),
        objects,
    ):
        with pytest.raises(BrokenRecord, match="rois.npy"):
            shard_with(tmp_path, rois)[0]
