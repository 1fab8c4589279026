"""Parity where one engine is installed: held against the judge alone."""

import json

import pytest

from tandemclip.backends.parity import compare, compare_training
from tandemclip.backends.torch.engine import Engine
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.tests.one_engine import run_without
from tandemclip.tools import parity

PROGRAM = "from tandemclip.tools import parity; sys.exit(parity.main({!r}))"


def run(hidden, tmp_path, *more):
    given = ["--config", "tiny_clip_vit", "--steps", "2", "--json", str(tmp_path / "rows.json"), *more]
    return run_without(hidden, PROGRAM.format(given))


def rows(tmp_path):
    return json.loads((tmp_path / "rows.json").read_text())["rows"]


def test_torch_alone(tmp_path):
    done = run(["mindspore"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mindspore is left out: backend mindspore needs the package mindspore, which is not installed" in done.stdout
    assert {(row["engine"], row["level"]) for row in rows(tmp_path)} == {
        ("judge of gradients", "judge"), ("judge of gradients", "term"),
        *(("torch", level) for level in ("node", "term", "gradient", "update", "moment", "step")),
    }  # fmt: skip
    lines = done.stdout.splitlines()[2:]  # behind the sentence and the engine
    assert max(map(len, lines)) <= 80 and lines.count("16 of 16 comparisons agree") == 1


def test_mindspore_alone(tmp_path):
    done = run(["torch"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "torch is left out" in done.stdout and "no engine here computes in float64" in done.stdout
    found = {(row["engine"], row["level"], row["against"]) for row in rows(tmp_path)}
    for mode in ("mindspore compiled", "mindspore pynative"):
        assert {(mode, "gradient", "finite differences"), (mode, "node", "judge"), (mode, "update", "judge")} <= found
    assert ("mindspore pynative", "node", "mindspore compiled") in found
    assert done.stderr == ""


@pytest.mark.parametrize(
    "hidden, words", [(["mindspore"], "torch is alone here"), (["torch", "mindspore"], "no engine")]
)
def test_what_cannot_be_held_against_anything(tmp_path, hidden, words):
    done = run_without(hidden, PROGRAM.format(["--config", "tiny_clip_vit", "--long", "2"]))
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr


class Wrong(Engine):
    """Gradients that are a thousandth too large."""

    def named_gradients(self, backward):
        return {name: array * 1.001 for name, array in super().named_gradients(backward).items()}


def test_a_wrong_engine_alone_is_noticed_without_a_judge_of_gradients(root):
    config, _ = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")
    start = parity.subject(config, initial_weights(config.method, 0), 2)
    given = (start.method, start.weights, start.rule)
    rows = compare(start, None, {"right": Engine(*given), "wrong": Wrong(*given)})
    assert {(row.engine, row.level) for row in rows if not row.agrees} == {("wrong", "gradient")}
    assert {row.against for row in rows if row.level == "gradient"} == {"finite differences"}
    assert compare_training(start, None, {"right": Engine(*given)}) == []
    (row, *_) = compare_training(start, None, {"right": Engine(*given), "wrong": Wrong(*given)})
    assert (row.level, row.against) == ("step", "right")
