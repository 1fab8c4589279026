"""Fine-tuning in two phases from YAML alone: a new head on a frozen tower, then everything."""

import numpy as np
import pytest

from tandemclip.core.training import checkpoint
from tandemclip.tools import train

HEAD = ("image.projection.weight", "bias")


def run(root, kind, name, out, *more):
    return train.main(["--config", str(root / "configs" / kind / f"{name}.yaml"), "--out", str(out), *map(str, more)])


def newest(out):
    return checkpoint.load(checkpoint.latest(out))


@pytest.mark.parametrize("backend", ["torch", "mindspore"])
def test_two_phases(root, tmp_path, backend, capsys):
    """The tower and its BatchNorms' statistics are equal to the bit after the first phase, and move in the second."""
    before, head, everything = (tmp_path / name for name in ("before", "head", "everything"))
    assert run(root, "pretrain", "tiny_unicl_resnet", before, "--max-steps", 3) == 0  # torch: either engine reads it
    steps = ["--backend", backend, "--max-steps", 3]
    assert run(root, "finetune", "tiny_scenes_head", head, *steps, "--init", before) == 0
    printed = capsys.readouterr().out
    assert "taken: 45 (" in printed and "left at their start: 2 (bias, image.projection.weight)" in printed, printed
    assert run(root, "finetune", "tiny_scenes_all", everything, *steps, "--init", head) == 0
    start, first, second = (newest(out) for out in (before, head, everything))
    tower = [name for name in first.model if name not in HEAD]
    assert "image.first_norm.mean" in tower and len(tower) == 45
    assert all(np.array_equal(first.model[name], start.model[name]) for name in tower)
    assert set(first.optimizer) == {f"{kind}.{name}" for kind in ("first", "second") for name in HEAD}
    assert not any(np.array_equal(first.model[name], second.model[name]) for name in first.model)
    assert first.state["init"]["start"] == sorted(HEAD) and set(first.state["init"]["taken"]) == set(tower)
    assert second.state["init"]["taken"] and not second.state["init"]["start"]


def test_a_run_goes_on_frozen(root, tmp_path):
    """The first phase in two parts is the first phase: bit-identical on torch, the account in the state."""
    before, whole, parts = (tmp_path / name for name in ("before", "whole", "parts"))
    assert run(root, "pretrain", "tiny_unicl_resnet", before, "--max-steps", 1) == 0
    given = ["--init", before]
    assert run(root, "finetune", "tiny_scenes_head", whole, *given, "--max-steps", 4) == 0
    assert run(root, "finetune", "tiny_scenes_head", parts, *given, "--max-steps", 2) == 0
    assert run(root, "finetune", "tiny_scenes_head", parts, "--resume", "--max-steps", 4) == 0
    one, other = newest(whole), newest(parts)
    assert one.state["init"] == other.state["init"] and one.state["config"]["init"] == other.state["config"]["init"]
    for name, array in {**one.model, **one.optimizer}.items():
        assert np.array_equal(array, {**other.model, **other.optimizer}[name]), name
