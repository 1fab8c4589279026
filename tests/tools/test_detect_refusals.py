"""`tools/detect.py`: what a person can mend is a sentence and exit code 2, whatever mmengine says of it."""

import json
import shutil

import pytest
import torch

from tandemclip.tests.downstream.detection.conftest import scenes  # noqa: F401
from tandemclip.tools import detect

SHORT = ["train_dataloader.batch_size=2", "train_cfg.max_iters=1", "train_cfg.val_interval=100"]
ANNOTATIONS = "annotations/instances_{}.json"


@pytest.fixture(scope="module")
def run(root, scenes, tmp_path_factory):  # noqa: F811
    out = tmp_path_factory.mktemp("run")
    assert detect.main(["train", *of(root, scenes), "--out", str(out), "--set", *SHORT]) == 0
    return out


def of(root, data, config="scenes_faster_rcnn"):
    return ["--config", str(root / "configs" / "detection" / f"{config}.py"), "--data", str(data)]


def refused(words, capsys):
    """The one sentence."""
    capsys.readouterr()
    assert detect.main(words) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    return lines[0]


@pytest.fixture
def data(scenes, tmp_path):  # noqa: F811
    return shutil.copytree(scenes, tmp_path / "data")


def rewritten(data, split, change):
    path = data / ANNOTATIONS.format(split)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def renamed(content):
    for category in content["categories"]:
        category["name"] += "s"


def renamed_first(content):
    content["categories"][0]["name"] = "nought"


# ------------------------------------------------------------------ data
@pytest.mark.parametrize(
    "split, change, words",
    [
        ("train", lambda content: content.update(images=[], annotations=[]), "has no picture left"),
        ("test", lambda content: content.update(images=[], annotations=[]), "has no picture left"),
        ("train", renamed, "no thing on them is of the configuration's classes"),
        ("test", renamed, "has 0 of the 10 classes of the configuration (zero, one, two, ...)"),
        ("train", renamed_first, "has 9 of the 10 classes"),  # else mmdet takes a one for a zero, and so on
        ("test", lambda content: content.pop("categories"), "cannot be opened (KeyError: categories)"),
    ],
)
def test_annotations_that_do_not_fit(root, run, data, tmp_path, capsys, split, change, words):
    rewritten(data, split, change)
    training = ["train", *of(root, data), "--out", str(tmp_path / "out"), "--set", *SHORT]
    error = refused(training, capsys)  # a training reads what it is evaluated on before it begins
    assert words in error and ANNOTATIONS.format(split) in error
    if split == "test" and "no picture" in words:
        assert refused(["test", *of(root, data), "--checkpoint", str(run), "--out", str(tmp_path)], capsys) == error
        show = ["show", *of(root, data), "--checkpoint", str(run), "--out", str(tmp_path)]
        assert refused(show, capsys) == error


@pytest.mark.parametrize("text, words", [("{", "JSONDecodeError"), ("[]", "annotation file format"), (None, "No such")])
def test_an_annotation_file_that_cannot_be_read(root, data, tmp_path, capsys, text, words):
    path = data / ANNOTATIONS.format("train")
    path.unlink() if text is None else path.write_text(text)
    error = refused(["train", *of(root, data), "--out", str(tmp_path / "out"), "--set", *SHORT], capsys)
    assert words in error and ANNOTATIONS.format("train") in error


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("content, words", [(None, "No such file"), (b"no picture", "it is no picture, or is torn")])
def test_pictures_that_cannot_be_read(root, data, tmp_path, capsys, content, words, workers):
    for path in (data / "VOC2007" / "JPEGImages").iterdir():
        path.unlink() if content is None else path.write_bytes(content)
    loading = f"train_dataloader.num_workers={workers}"
    error = refused(["train", *of(root, data), "--out", str(tmp_path / "out"), "--set", *SHORT, loading], capsys)
    assert words in error and str(data / "VOC2007" / "JPEGImages") in error and "Traceback" not in error


def test_a_voc_tree_that_is_not_whole(root, data, tmp_path, capsys):
    train = ["train", *of(root, data, "voc_sample_faster_rcnn"), "--out", str(tmp_path / "out")]
    error = refused(train, capsys)
    assert "ImageSets/Main/train.txt lists is of the configuration's classes (aeroplane, bicycle, bird, ...)" in error
    annotations = data / "VOC2007" / "Annotations"
    for path in annotations.iterdir():
        path.write_text("no XML")
    assert "ImageSets/Main/train.txt cannot be opened (ParseError: syntax error" in refused(train, capsys)
    shutil.rmtree(annotations)
    assert f"No such file or directory: '{annotations}/" in refused(train, capsys)
    shutil.rmtree(data / "VOC2007" / "ImageSets")
    assert "ImageSets/Main/train.txt': prepare the data as docs/detection.md of the repository says" in refused(
        train, capsys
    )


# ------------------------------------------------------------------ checkpoints
def test_a_checkpoint_that_is_none(root, scenes, run, tmp_path, capsys):  # noqa: F811
    def of_file(path):
        return refused(["test", *of(root, scenes), "--checkpoint", str(path), "--out", str(tmp_path)], capsys)

    assert "absent.pth cannot be read (No such file or directory)" in of_file(tmp_path / "absent.pth")
    for content in ([1], {"a": 1}):
        torch.save(content, tmp_path / "other.pth")
        assert 'other.pth is no checkpoint of a detector: it has no "state_dict"' in of_file(tmp_path / "other.pth")
    (tmp_path / "last_checkpoint").write_text("/elsewhere/iter_9.pth")
    assert f"{tmp_path}/iter_9.pth cannot be read" in of_file(tmp_path)
    resume = ["--out", str(tmp_path), "--resume", "--set", *SHORT]
    assert f"{tmp_path}/iter_9.pth cannot be read" in refused(["train", *of(root, scenes), *resume], capsys)


def test_a_resume_by_another_model(root, scenes, run, capsys):  # noqa: F811
    words = ["train", *of(root, scenes, "scenes_mask_rcnn"), "--out", str(run), "--resume", "--set", *SHORT]
    assert "iter_1.pth is no checkpoint of this model" in refused(words, capsys)


@pytest.mark.parametrize(
    "config, words",
    [
        ("scenes_faster_rcnn", "gives maps of [32, 64, 128, 256] channels, and model.neck.in_channels is [64, 128,"),
        ("voc_faster_rcnn_r50_c4", "gives maps of [128] channels, and model.rpn_head.in_channels is 1024"),
    ],
)
def test_a_tower_of_another_width(root, scenes, tmp_path, capsys, config, words):  # noqa: F811
    narrow = ["model.backbone.tower.width=8", "model.backbone.tower.heads=8"]
    train = ["train", *of(root, scenes, config), "--out", str(tmp_path), "--set", *narrow]
    assert words in refused(train, capsys)


def test_an_init_that_is_none(root, scenes, run, tmp_path, capsys):  # noqa: F811
    def begun(path, config="scenes_faster_rcnn"):
        words = ["train", *of(root, scenes, config), "--out", str(tmp_path / "out"), "--init", str(path)]
        return refused(words, capsys)

    assert "absent holds no whole checkpoint" in begun(tmp_path / "absent")
    assert "iter_1.pth is a file, and a tower begins from the folder" in begun(run / "iter_1.pth")
    assert "has no TandemBackbone or TandemSharedHead" in begun(run, "object_attribute_scenes")


# ------------------------------------------------------------------ configurations
@pytest.mark.parametrize(
    "name, text, words",
    [
        ("a.yaml", "method: {type: clip}\n", "has no model=dict(...): it is no configuration of a detector"),
        ("a.txt", "model\n", "OSError: Only py/yml/yaml/json"),
        ("a.py", "model = (\n", "SyntaxError: '(' was never closed"),
        ("a.py", "model = x\n", "NameError: name 'x' is not defined"),
        ("a.py", "_base_ = 'absent.py'\n", "No such file or directory"),
        ("a.py", "custom_imports = dict(imports=['absent_module'])\nmodel = dict()\n", "ImportError"),
        ("a.py", "model = dict(type='X')\n", "has no train_dataloader, no train_cfg, no optim_wrapper"),
    ],
)
def test_a_file_that_is_no_configuration(tmp_path, capsys, name, text, words):
    (tmp_path / name).write_text(text)
    error = refused(["train", "--config", str(tmp_path / name), "--out", str(tmp_path / "out")], capsys)
    assert words in error and str(tmp_path / name) in error


@pytest.mark.parametrize(
    "change, words",
    [
        ("train_cfg.max_iter=3", "--set train_cfg.max_iter: "),
        ("model.test_cfg.rcnn.score_th=0.5", "did you mean score_thr?"),
        ("param_scheduler.7.end=1", "has no such place: Index 7 exceeds"),
        ("data_root.x=1", "has no such place: data_root"),
        ("model.backbone.absent=1", "unexpected keyword argument 'absent'"),
        ("model.type=Absent", "Absent is not in the mmdet::model registry"),
        ("optim_wrapper.optimizer.absent=1", "unexpected keyword argument 'absent'"),
        ("param_scheduler.0.absent=1", "unexpected keyword argument 'absent'"),
        ("train_dataloader.dataset.type=Absent", "Absent is not in the mmdet::dataset registry"),
        ("val_evaluator.metric=absent", "metric should be one of"),
        ("val_dataloader=null", "has no val_dataloader, and val_dataloader, val_cfg, val_evaluator belong together"),
        ("train_cfg.max_iters=0", "train_cfg.max_iters=0: give 1 or more"),
    ],
)
def test_what_set_has_no_place_for(root, scenes, tmp_path, capsys, change, words):  # noqa: F811
    train = ["train", *of(root, scenes), "--out", str(tmp_path / "out"), "--set", *SHORT[:1], change]
    assert words in refused(train, capsys)


@pytest.mark.parametrize("place", ["file", "file/in"])
def test_an_out_that_cannot_be_written_to(root, scenes, run, tmp_path, capsys, place):  # noqa: F811
    (tmp_path / "file").write_text("")
    for words in (["train"], ["test", "--checkpoint", str(run)], ["show", "--checkpoint", str(run)]):
        error = refused([*words, *of(root, scenes), "--out", str(tmp_path / place)], capsys)
        assert f"--out {tmp_path / place} cannot be written to" in error


def test_a_defect_keeps_its_traceback(root, scenes, tmp_path, monkeypatch):  # noqa: F811
    """Once all is built, the same kinds of error are no mistake in a configuration."""
    from tandemclip.downstream.detection.finite import FiniteLosses

    def broken(*given, **more):
        raise KeyError("of ours")

    monkeypatch.setattr(FiniteLosses, "after_train_iter", broken)
    with pytest.raises(KeyError, match="of ours"):
        detect.main(["train", *of(root, scenes), "--out", str(tmp_path / "out"), "--set", *SHORT])
