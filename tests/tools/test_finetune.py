"""Fine-tuning in two phases of one run, from YAML alone: a new head on a frozen tower, then everything."""

import numpy as np
import pytest
from PIL import Image

from tandemclip.core.training import checkpoint
from tandemclip.tools import train

COLOURS = """\
title: Two colours
metric: top1
origin: drawn by a test
source: {type: class_folder, path: $DATA/test}
learn: {type: class_folder, path: $DATA/train}
"""
HEAD = ("image.projection.weight", "bias")
SETTINGS = (
    "--set", "training.steps=6", "training.update.decay=0.1", "training.ema=0.9",
    "training.groups=[{match: 'image.projection.*'}, {match: 'image.*', rate: 0.1, frozen_for: 0.5}]",
)  # fmt: skip


def run(root, kind, name, out, *more):
    return train.main(["--config", str(root / "configs" / kind / f"{name}.yaml"), "--out", str(out), *map(str, more)])


def newest(out):
    return checkpoint.load(checkpoint.latest(out))


@pytest.fixture(scope="module")
def before(root, tmp_path_factory):
    """A run of torch: either engine reads it."""
    out = tmp_path_factory.mktemp("finetune") / "before"
    assert run(root, "pretrain", "tiny_unicl_resnet", out, "--backend", "torch", "--max-steps", 3) == 0
    return out


@pytest.mark.parametrize("backend", ["torch", "mindspore"])
def test_two_phases_of_one_run(root, tmp_path, before, backend, capsys):
    """The tower and its BatchNorms' statistics are equal to the bit up to the step in which it begins, decay or not;
    then all of it moves, and the head goes on from what was remembered of it.
    """
    out, given = tmp_path / "run", ["--backend", backend, "--init", before, *SETTINGS]
    assert run(root, "finetune", "tiny_scenes", out, *given, "--max-steps", 3) == 0
    printed = capsys.readouterr().out
    assert "taken: 45 (" in printed and "left at their start: 2 (bias, image.projection.weight)" in printed, printed
    start, first = newest(before), newest(out)
    assert run(root, "finetune", "tiny_scenes", out, "--resume", *given) == 0
    assert "step 4: image.* trains from here on" in capsys.readouterr().out
    second, tower = newest(out), [name for name in first.model if name not in HEAD]
    assert "image.first_norm.mean" in tower and len(tower) == 45
    assert all(np.array_equal(first.model[name], start.model[name]) for name in tower)
    assert set(first.optimizer) == {f"{kind}.{name}" for kind in ("first", "second", "ema") for name in HEAD}
    assert not any(np.array_equal(first.model[name], second.model[name]) for name in first.model)
    assert set(second.optimizer) > set(first.optimizer) and (first.state["begun"], second.state["begun"]) == (
        [],
        [[0.5, 3]],
    )
    assert first.state["init"]["start"] == sorted(HEAD) and set(first.state["init"]["taken"]) == set(tower)


def test_a_run_goes_on_in_either_phase(root, tmp_path, before):
    """Stopped before, at and behind the step in which the tower begins, it is the whole run: bit-identical on torch,
    the account of `init` in the state.
    """
    given = ["--backend", "torch", "--init", before, *SETTINGS]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run(root, "finetune", "tiny_scenes", whole, *given) == 0
    for stop in (2, 3, 5, 6):
        resumed = [] if stop == 2 else ["--resume"]
        assert run(root, "finetune", "tiny_scenes", parts, *given, *resumed, "--max-steps", stop) == 0
    one, other = newest(whole), newest(parts)
    assert one.state["init"] == other.state["init"] and one.state["begun"] == other.state["begun"] == [[0.5, 3]]
    assert {**one.model, **one.optimizer}.keys() == {**other.model, **other.optimizer}.keys()
    for name, array in {**one.model, **one.optimizer}.items():
        assert np.array_equal(array, {**other.model, **other.optimizer}[name]), name


def test_on_a_data_set_by_name(root, tmp_path, before, capsys):
    """Learned from its `learn`, evaluated on its `source`, by the classes of the new head; and gone on with."""
    for split, count in (("train", 8), ("test", 2)):
        for color in ("blue", "red"):
            for number in range(count):
                file = tmp_path / "data" / split / color / f"{number}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (32, 32), color).save(file)
    (tmp_path / "colours.yaml").write_text(COLOURS)
    given = ["--backend", "torch", "--data-set", tmp_path / "colours.yaml", "--data-root", tmp_path / "data"]
    more = ["--set", "method.image.embed_dim=2", "training.steps=8", "training.learning_rate=1e-2"]
    assert (
        run(root, "finetune", "tiny_scenes", tmp_path / "run", *given, *more, "--init", before, "--max-steps", 4) == 0
    )
    capsys.readouterr()
    assert run(root, "finetune", "tiny_scenes", tmp_path / "run", *given, *more, "--resume") == 0
    assert "top1: 100.00% (chance 50.00%, 4 queries" in capsys.readouterr().out
    assert newest(tmp_path / "run").state["class_names"] == ["blue", "red"]


def test_a_root_without_a_data_set_is_told(root, tmp_path, capsys):
    assert run(root, "finetune", "tiny_scenes", tmp_path / "run", "--data-root", tmp_path) == 2
    assert "none is named; add --data-set" in capsys.readouterr().err
