"""`tools/detect.py` as a person uses it."""

import json
import os
import subprocess
import sys

import cv2
import pytest

from tandemclip.tests.downstream.detection.conftest import scenes  # noqa: F401
from tandemclip.tools import detect

SHORT = [
    "train_dataloader.batch_size=2",
    "train_cfg.max_iters=2",
    "default_hooks.checkpoint.interval=1",
]


@pytest.fixture(scope="module")
def arguments(root, scenes):  # noqa: F811
    config = root / "configs" / "detection" / "scenes_mask_rcnn.py"
    return ["--config", str(config), "--data", str(scenes)]


@pytest.fixture(scope="module")
def run(root, arguments, tmp_path_factory):
    """The folder of a training in a process of its own, which has nothing of the tests'."""
    out = tmp_path_factory.mktemp("detect") / "run"
    command = [
        sys.executable,
        str(root / "tools" / "detect.py"),
        "train",
        *arguments,
        "--out",
        str(out),
        "--set",
        *SHORT,
    ]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    done = subprocess.run(command, cwd=out.parent, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "step 1/2  loss " in done.stdout and "step 2/2  loss " in done.stdout and "  left 0:00:00" in done.stdout
    assert "  coco/bbox_mAP: " in done.stdout and "  coco/segm_mAP: " in done.stdout
    assert f"trained 2 iterations; the checkpoint is {out}/iter_2.pth" in done.stdout
    assert "pkg_resources" not in done.stderr
    return out


def test_what_a_training_leaves(run):
    assert {"iter_1.pth", "iter_2.pth", "last_checkpoint", "scenes_mask_rcnn.py"} <= {
        path.name for path in run.iterdir()
    }
    assert list(run.glob("*/vis_data/events.out.tfevents.*")) and list(run.glob("*/*.log"))


def test_resume_of_a_finished_training_trains_no_more(run, arguments, capsys):
    assert detect.main(["train", *arguments, "--out", str(run), "--resume", "--set", *SHORT]) == 0
    assert "step " not in (shown := capsys.readouterr().out) and "trained 2 iterations" in shown


def test_figures_are_printed_and_written(run, arguments, capsys, tmp_path):
    assert detect.main(["test", *arguments, "--checkpoint", str(run), "--out", str(tmp_path)]) == 0
    figures = json.loads((tmp_path / "figures.json").read_text())
    shown = capsys.readouterr().out
    assert {"coco/bbox_mAP", "coco/segm_mAP_50"} <= figures.keys()
    assert all(f"{name}: {value:.3f}\n" in shown for name, value in figures.items())


def test_truth_and_predictions_are_drawn_side_by_side(run, arguments, capsys, tmp_path):
    more = [
        "--checkpoint",
        str(run / "iter_2.pth"),
        "--out",
        str(tmp_path / "pictures"),
        "--count",
        "2",
        "--threshold",
        "2",
    ]
    assert detect.main(["show", *arguments, *more]) == 0
    assert "2 pictures in " in capsys.readouterr().out
    files = sorted((tmp_path / "pictures").glob("*.png"))
    assert [file.name for file in files] == ["0000.png", "0001.png"]
    for file in files:
        truth, found = (cv2.imread(str(file))[:, part] for part in (slice(0, 128), slice(128, 256)))
        assert truth.shape == found.shape == (128, 128, 3)
        assert (truth != found).any()  # nothing scores above 2, so that only the truth is drawn


def test_a_loss_that_is_not_finite_stops_the_run(arguments, tmp_path, capsys):
    wild = [*SHORT, "train_cfg.max_iters=5", "optim_wrapper.optimizer.lr=1e20", "param_scheduler=[]"]
    assert detect.main(["train", *arguments, "--out", str(tmp_path), "--set", *wild]) == 1
    error = capsys.readouterr().err
    assert "error: iteration 2: loss" in error and "is not finite; the batch held " in error and ".jpg" in error
    assert [path.name for path in tmp_path.glob("*.pth")] == ["iter_1.pth"]


@pytest.mark.parametrize(
    "words, message",
    [
        (["train", "--config", "absent.py", "--out", "x"], "the config absent.py is neither a file nor the name"),
        (["test", "--config", "scenes_mask_rcnn"], "the following arguments are required: --checkpoint"),
        ([], "the following arguments are required: COMMAND"),
    ],
)
def test_a_wrong_command_line_is_one_line(words, message, capsys):
    assert detect.main(words) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_data_that_are_not_there_are_named(arguments, tmp_path, capsys):
    elsewhere = [*arguments[:3], str(tmp_path / "nowhere")]
    assert detect.main(["train", *elsewhere, "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert str(tmp_path / "nowhere" / "annotations") in error and "--data names their folder" in error


@pytest.mark.slow  # two processes that import mmdet
def test_two_ranks_share_the_batch(root, arguments, tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += [str(root / "tools" / "detect.py"), "train", *arguments, "--out", str(tmp_path), "--set", *SHORT]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("step 2/2  loss ") == 1 and done.stdout.count("trained 2 iterations") == 1
    log = next(tmp_path.glob("*/*.log")).read_text()
    assert "GPU number: 2" in log
