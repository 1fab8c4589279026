"""`--overfit N`: a set-up that works learns its pairs, one that does not is told why."""

import json
import re

import numpy as np
import pytest

from tandemclip.core import statistics_file
from tandemclip.core.training import checkpoint, journal
from tandemclip.core.training.diagnosis.overfit import recalled
from tandemclip.tools import train

SMALL = ["training.batch_size=16", "training.steps=160", "training.warmup=10"]


@pytest.fixture
def config(root):
    return str(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")


def run(config, out, pairs, *more):
    return train.main(["--config", config, "--out", str(out), "--overfit", str(pairs), "--set", *SMALL, *more])


def test_pairs_are_learned_by_heart(config, tmp_path, capsys):
    assert run(config, tmp_path, 16, "--max-steps", "3") == 1  # too early
    assert run(config, tmp_path, 16, "--resume") == 0
    printed = capsys.readouterr().out
    assert re.search(r"go on with: .* --overfit 16 .*--resume\n", printed)
    assert "16 pairs after 160 steps: i2t 100.0%, t2i 100.0% (guessing: 6" in printed and "the set-up works" in printed
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert {name: found[name] for name in ("step", "overfit/i2t", "overfit/t2i")} == {
        "step": 160,
        "overfit/i2t": 100.0,
        "overfit/t2i": 100.0,
    }
    assert found["queries"]["overfit/t2i"] == 16 and 6 < found["chance"]["overfit/t2i"] < 10
    saved = checkpoint.load(checkpoint.latest(tmp_path)).state["config"]
    assert saved["data"]["train"]["type"] == "first" and saved["data"]["train"]["source"]["type"] == "scenes"
    assert saved["training"]["learning_rate"] == 1e-3 and len(journal.read(tmp_path)) == 160


def test_pairs_are_compared_as_the_method_compares_them(root, tmp_path, capsys):
    """FILIP's features are a row a token."""
    config = str(root / "configs" / "pretrain" / "tiny_filip_vit.yaml")
    assert run(config, tmp_path, 16, "training.learning_rate=1e-6", "training.steps=60") == 1
    assert "not learned; the learning rate is too small" in capsys.readouterr().out


def test_what_is_in_the_way_is_told(config, tmp_path, capsys):
    assert run(config, tmp_path, 16, "training.learning_rate=1e-6", "training.steps=60") == 1
    last = [line for line in capsys.readouterr().out.splitlines() if "pairs after" in line][0]
    assert (
        last.startswith("16 pairs after 60 steps: i2t ")
        and "not learned; the learning rate is too small: at 1.0e-06" in last
    )


def test_a_batch_larger_than_the_pairs(config, tmp_path, capsys):
    assert run(config, tmp_path / "run", 8) == 2
    assert "--overfit has 8 pairs and training.batch_size is 16" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_only_what_is_brought_together_is_asked(root, tmp_path, capsys):
    """Multi-task brings pictures without a class to their captions, and no others."""
    given = [
        "--config",
        str(root / "configs" / "pretrain" / "tiny_multi_task_swin.yaml"),
        "--overfit",
        "48",
        "--max-steps",
        "2",
    ]
    assert train.main([*given, "--out", str(tmp_path / "some")]) == 1
    asked = statistics_file.load(tmp_path / "some" / "hits.safetensors")["overfit/i2t"].asked
    assert 5 < len(asked) < 43
    assert train.main([*given, "--out", str(tmp_path / "none"), "--set", "data.train.digits=1"]) == 2
    assert "none of the 48 samples has a text that its image is brought to" in capsys.readouterr().err


def test_a_method_without_texts(root, tmp_path, capsys):
    given = [
        "--config",
        str(root / "configs" / "pretrain" / "tiny_cross_entropy_resnet.yaml"),
        "--out",
        str(tmp_path / "run"),
    ]
    assert train.main([*given, "--overfit", "16"]) == 2
    assert "--overfit compares images with texts, and CrossEntropy reads none" in capsys.readouterr().err


# ------------------------------------------------------------------ what counts as recalled
def shares(images, texts, ids):
    hits, guessing = recalled(np.array(images, float) @ np.array(texts, float).T, np.array(ids)[:, None])
    return [hit.share for hit in hits.values()], guessing


AXES = np.eye(3)


def test_right_and_wrong_pairs_are_counted():
    assert shares(AXES, AXES, [1, 2, 3]) == ([1.0, 1.0], pytest.approx(1 / 3))
    assert shares(AXES[[1, 0, 2]], AXES, [1, 2, 3])[0] == [pytest.approx(1 / 3)] * 2
    towards = [[1, 0, 0], [0.9, 0.4, 0], [0, 0, 1]]  # the first caption is the nearest of two images
    assert shares(towards, AXES, [1, 2, 3])[0] == [pytest.approx(2 / 3), 1.0]


def test_equal_captions_are_one():
    texts = AXES[[0, 0, 2]]
    assert shares(AXES[[0, 0, 2]], texts, [7, 7, 3]) == ([1.0, 1.0], pytest.approx(5 / 9))
    assert shares(AXES[[0, 0, 2]], texts, [7, 8, 3])[0] == [pytest.approx(2 / 3)] * 2


def test_a_collapsed_model_recalls_what_guessing_does():
    ones = np.ones((64, 4))
    assert shares(ones, ones, range(64)) == ([1 / 64, 1 / 64], 1 / 64)
