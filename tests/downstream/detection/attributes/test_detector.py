"""From a detector's checkpoint to the shards that PyramidCLIP trains on."""

import json
import sys

import cv2
import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample

from tandemclip.core.data.sources.shard_writer import write_shard
from tandemclip.core.data.sources.shards import Shards
from tandemclip.core.data.views.rois import RoiView
from tandemclip.core.errors import UserError
from tandemclip.core.preparation.rewrite import samples
from tandemclip.downstream.detection.attributes import written_config
from tandemclip.downstream.detection.attributes.detector import open_detector
from tandemclip.tests.downstream.detection.attributes.small import WIDTH, trained
from tandemclip.tests.tools.dying_prepare import killed
from tandemclip.tools import prepare, train

SHARDS, EACH = 3, 2
WORDS = {"red", "green", "blue", "yellow"}


@pytest.fixture(scope="module")
def made(root, tmp_path_factory):
    return trained(root, tmp_path_factory.mktemp("detector"))


@pytest.fixture(scope="module")
def checkpoint(made):
    return made[1]


@pytest.fixture(scope="module")
def detector(checkpoint):
    return open_detector(checkpoint)


def picture(seed, height=50, width=80):
    pixels = np.random.default_rng(seed).integers(0, 255, (height // 10, width // 10, 3), np.uint8)
    return cv2.resize(pixels, (width, height))


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Pictures with a caption and with phrases that a detector's objects take the place of."""
    folder = tmp_path_factory.mktemp("shards")
    for shard in range(SHARDS):
        content = []
        for i in range(EACH):
            facts = {"captions": ["a red seven"], "phrases": [{"phrase": "old", "box": [0, 0, 1, 1]}]}
            png = cv2.imencode(".png", picture(10 * shard + i))[1].tobytes()
            content.append((f"{shard}-{i}", {"png": png, "json": json.dumps(facts).encode()}))
        write_shard(folder / f"{shard}.tar", content)
    return str(folder / "*.tar")


# ------------------------------------------------------------------ one picture
def test_at_most_ten_objects_the_most_confident_first(detector):
    height, width = 50, 80
    found = detector(picture(3, height, width))
    assert len(found) == 10  # the tiny network is sure of nothing, and finds much
    confidences = [thing.confidence for thing in found]
    assert confidences == sorted(confidences, reverse=True) and 0 < confidences[-1] <= confidences[0] <= 1
    for thing in found:
        x1, y1, x2, y2 = thing.box
        assert 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1
        assert thing.feature.shape == (WIDTH,) and thing.feature.dtype == np.float32
        assert thing.phrase == " ".join([*thing.attributes, thing.category])
        assert len(thing.attributes) <= 2 and set(thing.attributes) <= WORDS


def test_they_are_those_of_the_trained_model(made, detector):
    """Pixels go to mmdet as BGR, boxes come back in the file's pixels."""
    model, pixels = made[0].model.eval(), picture(3)
    resized = torch.from_numpy(cv2.resize(pixels, (128, 80)))  # 128 is the longest side that the configuration takes
    mean, std = torch.tensor([123.675, 116.28, 103.53]), torch.tensor([58.395, 57.12, 57.375])
    image = torch.nn.functional.pad(((resized - mean) / std).permute(2, 0, 1), (0, 0, 0, 16))  # to a multiple of 32
    shapes = dict(img_shape=(80, 128), ori_shape=(50, 80), scale_factor=(1.6, 1.6), batch_input_shape=(96, 128))
    with torch.no_grad():
        expected = model.predict(image[None], [DetDataSample(metainfo=shapes)])[0].pred_instances[:10]
    found = detector(pixels)
    for thing, box, score, label, feature in zip(
        found, expected.bboxes, expected.scores, expected.labels, expected.features, strict=True
    ):
        np.testing.assert_allclose(thing.box, (box / torch.tensor([80, 50, 80, 50])).numpy(), atol=1e-4)
        np.testing.assert_allclose(thing.confidence, score.item(), atol=1e-5)
        np.testing.assert_allclose(thing.feature, feature.numpy(), atol=1e-4)
        assert thing.category == detector.classes[int(label)]


def test_a_trainings_folder_is_its_newest_checkpoint(checkpoint, detector, tmp_path):
    assert open_detector(checkpoint.parent).identity == detector.identity
    with pytest.raises(UserError, match="has no file last_checkpoint"):
        open_detector(tmp_path)


def test_where_nothing_is_sure_enough_there_are_no_objects(checkpoint, tmp_path):
    sure = changed(checkpoint, tmp_path, lambda cfg: cfg.replace("score_thr=0.01", "score_thr=0.999"))
    assert open_detector(sure)(picture(3)) == ()


# ------------------------------------------------------------------ what is refused
def changed(checkpoint, tmp_path, text=lambda cfg: cfg, **more):
    content = torch.load(checkpoint, weights_only=True)
    content["meta"]["cfg"] = text(content["meta"]["cfg"])
    torch.save({**content, **more}, tmp_path / "changed.pth")
    return tmp_path / "changed.pth"


def test_a_configuration_is_read_and_not_run(checkpoint, tmp_path):
    mark = tmp_path / "mark"
    attack = f"\nmodel['x'] = __import__('pathlib').Path({str(mark)!r}).touch()\n"
    calls = f"x = dict(y=__import__('pathlib').Path({str(mark)!r}).touch())\n"
    for code in (attack, calls, "import os\n", "x = dict(**{'a': 1}, b=2)\n"):
        with pytest.raises(UserError, match="holds more than plain values"):
            open_detector(changed(checkpoint, tmp_path, lambda cfg, code=code: cfg + code))
    assert not mark.exists()


@pytest.mark.parametrize("of", ["model", "tower", "custom_imports"])
def test_what_would_be_imported_is_refused_unless_trusted(checkpoint, tmp_path, monkeypatch, of):
    (tmp_path / "foreign_head.py").write_text(f"open({str(tmp_path / 'mark')!r}, 'w').close()\n")
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("foreign_head", None)
    change = {
        "model": lambda cfg: cfg.replace("type='FPN'", "type='foreign_head.FPN'"),
        "tower": lambda cfg: cfg.replace("type='FPN'", "type='FPN', tower=dict(type='foreign_head:Tower')"),
        "custom_imports": lambda cfg: cfg.replace("detection.register", "detection.register', 'foreign_head"),
    }[of]
    path = changed(checkpoint, tmp_path, change)
    with pytest.raises(UserError, match="names foreign_head.*--trust"):
        open_detector(path)
    assert not (tmp_path / "mark").exists()
    if of == "custom_imports":
        assert open_detector(path, trust=True) and (tmp_path / "mark").exists()


def test_plain_values_are_all_read():
    text = "a = 1\nb = dict(c=[1, (2.5, None)], d={'e f': -3, 'type': 'X'})\n"
    found = written_config.read(text, "x")
    assert found.to_dict() == {"a": 1, "b": {"c": [1, (2.5, None)], "d": {"e f": -3, "type": "X"}}}


def test_other_checkpoints_are_refused_in_one_line(checkpoint, tmp_path):
    with pytest.raises(UserError, match="lacks 'meta'"):
        torch.save({"state_dict": {}}, tmp_path / "weights.pth")
        open_detector(tmp_path / "weights.pth")
    with pytest.raises(UserError, match="its weights do not fit"):
        open_detector(changed(checkpoint, tmp_path, state_dict={}))
    with pytest.raises(UserError, match="StandardRoIHead, which tells no attributes"):
        open_detector(changed(checkpoint, tmp_path, _without_attributes))


def _without_attributes(cfg):
    config = written_config.read(cfg, "x")
    head = config.model.roi_head
    config.model.roi_head = {key: value for key, value in head.items() if key not in ("attribute_head", "feature")}
    config.model.roi_head.type = "StandardRoIHead"
    return config.pretty_text


# ------------------------------------------------------------------ shards
def test_killed_and_called_again_it_writes_the_same_bytes(root, checkpoint, shards, tmp_path, capsys, detector):
    given = ["objects", "--detector", str(checkpoint.parent), "--in", shards, "--out"]
    assert prepare.main([*given, str(tmp_path / "whole")]) == 0
    assert f"{SHARDS * EACH} samples, {SHARDS * EACH * 10} objects" in capsys.readouterr().out
    whole = {path.name: path.read_bytes() for path in (tmp_path / "whole").glob("*.tar")}
    killed(root, 1, [*given, str(tmp_path / "out")])
    assert len(list((tmp_path / "out").glob("*.tar"))) == 1
    assert prepare.main([*given, str(tmp_path / "out")]) == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.tar")} == whole
    keys = [key for name in sorted(whole) for key, _ in samples(tmp_path / "out" / name)]
    assert keys == [f"{shard}-{i}" for shard in range(SHARDS) for i in range(EACH)]

    record, expected = Shards(str(tmp_path / "out" / "0.tar"))[1], detector(picture(1)[..., ::-1])  # a PNG is RGB
    assert record.captions == ("a red seven",)
    assert [thing.phrase for thing in record.strongest_objects(99)] == [thing.phrase for thing in expected]
    assert [(thing.box, thing.category) for thing in record.objects] == [(t.box, t.category) for t in expected]
    for thing, other in zip(record.objects, expected):
        np.testing.assert_allclose(thing.feature, other.feature, atol=2e-3)
    rois = RoiView(WIDTH)(record, None, None)
    assert rois["_mask"].all() and np.allclose(rois[""][0, WIDTH:], expected[0].box)
    _trains(root, tmp_path)


def _trains(root, folder):
    """PyramidCLIP, two steps on what was written."""
    data = f"data.train={{type: shards, paths: {folder / 'out' / '*.tar'}}}"
    config = str(root / "configs" / "pretrain" / "tiny_pyramidclip_vit.yaml")
    changes = [f"method.image.roi.dim={WIDTH}", data, "data.evaluate=null", "training.batch_size=4"]
    assert train.main(["--config", config, "--out", str(folder / "run"), "--max-steps", "2", "--set", *changes]) == 0
    lines = [json.loads(line) for line in (folder / "run" / "journal.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [1, 2]
