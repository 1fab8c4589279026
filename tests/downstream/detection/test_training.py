"""The small detectors of configs/detection train, are saved, and go on as if they had not been stopped."""

import json
import shutil

import pytest
import torch

from tandemclip.core.errors import UserError
from tandemclip.downstream.detection import register  # noqa: F401
from tandemclip.downstream.detection.configured import read
from tandemclip.downstream.detection.session import test as measure
from tandemclip.downstream.detection.session import train

SHORT = {
    "train_dataloader": {"batch_size": 2},
    "train_cfg": {"max_iters": 10, "val_interval": 100},
    "default_hooks": {"checkpoint": {"interval": 5}, "logger": {"interval": 1}},
    "log_processor": {"window_size": 1},
}


@pytest.fixture(scope="module", params=["faster", "mask"])
def trained(request, root, scenes, tmp_path_factory):
    """(configuration, folder of a run of ten iterations)"""
    path = root / "configs" / "detection" / f"scenes_{request.param}_rcnn.py"
    run = tmp_path_factory.mktemp(request.param)
    train(read(path, scenes, overrides=SHORT), run)
    return lambda: read(path, scenes, overrides=SHORT), run


def losses(run):
    """{iteration: loss}"""
    lines = [json.loads(line) for path in run.glob("*/vis_data/scalars.json") for line in path.open()]
    return {line["step"]: line["loss"] for line in lines if "loss" in line}


def test_iterations_after_a_resume_are_those_of_the_whole_run(trained, tmp_path):
    config, run = trained
    whole = losses(run)
    assert sorted(whole) == list(range(1, 11)) and all(0 < loss < 20 for loss in whole.values())
    shutil.copy(run / "iter_5.pth", tmp_path)
    (tmp_path / "last_checkpoint").write_text(str(tmp_path / "iter_5.pth"))
    train(config(), tmp_path, resume=True)
    rest = losses(tmp_path)
    assert sorted(rest) == list(range(6, 11))
    assert rest == pytest.approx({step: whole[step] for step in rest}, rel=1e-4)
    one, other = (torch.load(folder / "iter_10.pth", weights_only=True)["state_dict"] for folder in (run, tmp_path))
    assert max((one[name].double() - other[name].double()).abs().max() for name in one) < 1e-4


def test_a_training_is_not_written_over(trained):
    config, run = trained
    with pytest.raises(UserError, match="holds a training already: give --resume"):
        train(config(), run)


def test_its_figures_are_those_of_its_config(trained, tmp_path):
    config, run = trained
    asked = ["bbox"] if "faster" in run.name else ["bbox", "segm"]
    figures = measure(config(), run, tmp_path)
    assert [name for name in figures if name.endswith("mAP")] == [f"coco/{name}_mAP" for name in asked]
    assert all(-1 <= value <= 1 for value in figures.values())  # -1: no such thing is in the pictures
    assert list(run.glob("*/vis_data/events.out.tfevents.*"))


def test_weights_of_another_model_are_refused(trained, tmp_path):
    config, run = trained
    wider = config()
    wider.model.roi_head.bbox_head.num_classes = 11
    with pytest.raises(UserError, match=r"iter_10.pth is no checkpoint of this model: 4 of its \d+ arrays"):
        measure(wider, run, tmp_path)
    with pytest.raises(UserError, match="has no file last_checkpoint"):
        measure(config(), tmp_path, tmp_path)
