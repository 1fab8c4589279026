"""`tools/train.py` as a person uses it: runs that stop, go on, change engine, and errors of one line."""

import json
import shlex
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core import statistics_file
from tandemclip.core.statistic import percent
from tandemclip.core.training import checkpoint, journal
from tandemclip.core.training.config import read
from tandemclip.tools import evaluate, train


@pytest.fixture
def config(root):
    return str(root / "configs" / "pretrain" / "tiny_pyramidclip_vit.yaml")


def run(config, out, *more):
    return train.main(["--config", config, "--out", str(out), *map(str, more)])


def losses(out):
    return [row["loss"] for row in journal.read(out)]


def test_resuming_is_bit_identical_on_torch(config, tmp_path):
    """At the first step, in the middle, and with worker processes: the same weights, moments and losses."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run(config, whole, "--set", "training.steps=12") == 0
    assert run(config, parts, "--set", "training.steps=12", "--max-steps", 1) == 0
    assert run(config, parts, "--set", "training.steps=12", "data.workers=1", "--resume", "--max-steps", 7) == 0
    assert run(config, parts, "--set", "training.steps=12", "--resume") == 0
    assert losses(parts) == losses(whole) and len(losses(whole)) == 12
    one, other = (checkpoint.load(checkpoint.latest(out)) for out in (whole, parts))
    for name, array in {**one.model, **one.optimizer}.items():
        assert np.array_equal(array, {**other.model, **other.optimizer}[name]), name


@pytest.mark.parametrize("first, second", [("torch", "mindspore"), ("mindspore", "torch")])
def test_a_run_goes_on_on_the_other_engine(config, tmp_path, first, second):
    """Ten steps on the other engine with the losses of an uninterrupted run, to 1e-3."""
    whole, moved = tmp_path / "whole", tmp_path / "moved"
    assert run(config, whole, "--backend", first, "--max-steps", 16) == 0
    assert run(config, moved, "--backend", first, "--max-steps", 6) == 0
    assert run(config, moved, "--backend", second, "--resume", "--max-steps", 16) == 0
    assert losses(moved)[:6] == losses(whole)[:6]
    np.testing.assert_allclose(losses(moved)[6:], losses(whole)[6:], rtol=1e-3)


def test_max_steps_leaves_the_schedule_alone(config, tmp_path, capsys):
    assert run(config, tmp_path, "--max-steps", 3) == 0
    assert "stopped at step 3 of 200; go on with: " in capsys.readouterr().out
    rates = [row["learning_rate"] for row in journal.read(tmp_path)]
    assert rates == pytest.approx([1e-3 / 20, 2e-3 / 20, 3e-3 / 20])
    assert set(journal.read(tmp_path)[0]) >= {
        "loss",
        "terms",
        "gradient_norm",
        "update_norm",
        "logit_scale",
        "data_seconds",
    }


def rates(out):
    return [row["learning_rate"] for row in journal.read(out)]


def test_a_finished_run_is_lengthened(config, tmp_path, capsys):
    assert run(config, tmp_path, "--set", "training.steps=4") == 0
    assert run(config, tmp_path, "--set", "training.steps=8", "--resume") == 0
    assert "from step 4 on, by the schedule of 8 steps: training.steps 4 -> 8\n" in capsys.readouterr().out
    settings = read(config, {"training": {"steps": 8}})[0].training
    assert rates(tmp_path)[4:] == [settings.schedule(1)(step) for step in range(4, 8)]
    assert rates(tmp_path)[:4] != [settings.schedule(1)(step) for step in range(4)]
    state = checkpoint.load(checkpoint.latest(tmp_path)).state
    assert state["config"]["training"]["steps"] == 8
    assert state["changes"] == [{"step": 4, "changed": ["training.steps 4 -> 8"]}]
    assert run(config, tmp_path, "--resume") == 0  # finished: what --set once said holds
    said = capsys.readouterr().out
    assert "training.steps is 200 in the config and 8 in" in said and "zero_shot/digit" in said


def test_a_run_goes_on_at_a_lower_rate_and_in_another_precision(config, tmp_path, capsys):
    """As the message of a loss that is not finite advises; the change outlives a death before the next checkpoint."""
    assert run(config, tmp_path, "--max-steps", 2) == 0
    lower = ["--set", "training.learning_rate=1e-4", "training.precision=bf16"]
    assert run(config, tmp_path, *lower, "--resume", "--max-steps", 2) == 0  # nothing is trained
    assert "training.learning_rate 0.001 -> 0.0001, training.precision fp32 -> bf16" in capsys.readouterr().out
    assert run(config, tmp_path, "--resume", "--max-steps", 4) == 0
    assert "training.learning_rate is 0.001 in the config and 0.0001 in" in capsys.readouterr().out
    assert rates(tmp_path) == pytest.approx([1e-3 / 20, 2e-3 / 20, 3e-4 / 20, 4e-4 / 20])
    saved = checkpoint.load(checkpoint.latest(tmp_path)).state["config"]["training"]
    assert saved["learning_rate"] == 1e-4 and saved["precision"] == "bf16"


def test_a_run_is_not_shortened_below_its_step(config, tmp_path, capsys):
    assert run(config, tmp_path, "--max-steps", 3) == 0
    before = state(tmp_path)
    assert run(config, tmp_path, "--set", "training.steps=2", "--resume") == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: 2 steps are fewer than the 3 that ") and printed.count("\n") == 1
    assert state(tmp_path) == before
    assert run(config, tmp_path, "--set", "training.steps=3", "--resume") == 0  # the end is where it stands
    assert "zero_shot/digit" in capsys.readouterr().out and len(losses(tmp_path)) == 3
    assert checkpoint.load(checkpoint.latest(tmp_path)).state["config"]["training"]["steps"] == 3


def test_a_run_that_is_past_max_steps_stays_as_it_is(config, tmp_path, capsys):
    assert run(config, tmp_path, "--max-steps", 3) == 0
    before = state(tmp_path)
    capsys.readouterr()
    assert run(config, tmp_path, "--resume", "--max-steps", 2) == 0
    assert "stopped at step 3 of 200" in (said := capsys.readouterr().out) and "zero_shot" not in said
    assert state(tmp_path) == before


@pytest.mark.parametrize("between", [[], ["--set"]])
def test_minutes_are_timed_where_few_steps_are_configured(config, tmp_path, capsys, between):
    few = ["--set", "training.steps=3", *between, "training.warmup=1"]
    assert run(config, tmp_path, *few, "--minutes", 0.001, "--max-steps", 1) == 0
    said = capsys.readouterr().out
    assert said.endswith(f" --out {tmp_path} --set training.warmup=1 --resume\n")  # as long as it is by --minutes
    saved = checkpoint.load(checkpoint.latest(tmp_path)).state["config"]["training"]
    assert saved["steps"] == 20  # no fewer are timed


def test_minutes_fix_the_number_of_steps(config, tmp_path, capsys):
    assert run(config, tmp_path, "--minutes", 0.02, "--max-steps", 2) == 0
    saved = checkpoint.load(checkpoint.latest(tmp_path)).state["config"]["training"]
    assert saved["steps"] >= 20 and saved["epochs"] is None
    assert run(config, tmp_path, "--resume", "--max-steps", 3) == 0
    assert f"stopped at step 3 of {saved['steps']}" in capsys.readouterr().out
    whole = tmp_path / "whole"
    assert run(config, whole, "--set", f"training.steps={saved['steps']}", "--max-steps", 3) == 0
    assert losses(whole) == losses(tmp_path)  # what was timed has left no trace


def test_init_starts_from_other_weights(config, tmp_path):
    assert run(config, tmp_path / "a", "--max-steps", 3) == 0
    assert run(config, tmp_path / "b", "--init", tmp_path / "a", "--max-steps", 1) == 0
    first, second = (checkpoint.load(checkpoint.latest(tmp_path / name)) for name in "ab")
    drift = max(
        np.abs(first.model[n] - second.model[n]).max() for n in first.model if "mean" not in n and "variance" not in n
    )
    assert second.step == 1 and drift < 1e-3


def test_init_is_passed_over_with_a_word_where_the_run_goes_on(config, tmp_path, capsys):
    assert run(config, tmp_path / "a", "--max-steps", 1) == 0
    assert run(config, tmp_path / "b", "--init", tmp_path / "a", "--resume", "--max-steps", 1) == 0
    assert "init is passed over" not in capsys.readouterr().out  # there was nothing yet to go on from
    assert run(config, tmp_path / "b", "--init", tmp_path / "a", "--resume", "--max-steps", 2) == 0
    assert "init is passed over: the run goes on from its own step 1\n" in capsys.readouterr().out


def test_the_best_one_is_evaluated_and_started_from(config, tmp_path, capsys):
    given = ["training.steps=6", "training.evaluate_every=2", "training.keep={last: 1, best: zero_shot/color}"]
    assert run(config, tmp_path / "a", "--set", *given) == 0
    shown = capsys.readouterr().out
    assert [f"evaluation, step {step}: zero_shot/digit" in shown for step in (2, 4, 6)] == [True, True, False]
    assert f"checkpoint, step 6: {tmp_path}/a/checkpoints/step-00000006\n" in shown and f"{tmp_path}/a/best\n" in shown
    evaluated = {row["step"]: row["evaluation"] for row in journal.read(tmp_path / "a") if "evaluation" in row}
    best = json.loads((tmp_path / "a" / "best.json").read_text())
    assert best["percent"] == max(figures["zero_shot/color"] for figures in evaluated.values())
    assert evaluate.main(["--checkpoint", str(tmp_path / "a" / "best"), "--json", str(tmp_path / "f.json")]) == 0
    assert json.loads((tmp_path / "f.json").read_text()).items() >= evaluated[best["step"]].items()
    assert run(config, tmp_path / "b", "--init", tmp_path / "a" / "best", "--max-steps", 1) == 0
    taken = checkpoint.load(checkpoint.latest(tmp_path / "b")).state["init"]["source"]
    assert taken.endswith(f"checkpoints/step-{best['step']:08d}")


def test_clipping_scales_the_gradient(config, tmp_path):
    assert run(config, tmp_path / "free", "--max-steps", 1) == 0
    norm = journal.read(tmp_path / "free")[0]["gradient_norm"]
    assert run(config, tmp_path / "half", "--max-steps", 1, "--set", f"training.clip={norm / 2}") == 0
    assert run(config, tmp_path / "wide", "--max-steps", 1, "--set", f"training.clip={norm * 2}") == 0
    free, half, wide = (
        checkpoint.load(checkpoint.latest(tmp_path / name)).optimizer for name in ("free", "half", "wide")
    )
    for name in free:
        if name.startswith("first."):
            np.testing.assert_allclose(half[name], free[name] / 2, rtol=1e-5, atol=1e-12)
            assert np.array_equal(wide[name], free[name])


@pytest.mark.parametrize("backend", ["torch", "mindspore"])
def test_interrupting_writes_a_checkpoint(config, tmp_path, root, backend):
    command = [sys.executable, root / "tools" / "train.py", "--config", config, "--out", tmp_path, "--backend", backend]
    steps = ["--set", "training.steps=100000"]
    process = subprocess.Popen(command + steps, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in process.stdout:
        if line.startswith("step"):
            break
    process.send_signal(2)
    rest = process.communicate(timeout=120)[0]
    assert process.returncode == 130 and f"go on with: {shlex.join([*map(str, command), *steps])} --resume\n" in rest
    saved = checkpoint.load(checkpoint.latest(tmp_path))
    assert saved.step == journal.read(tmp_path)[-1]["step"] > 0


# ------------------------------------------------------------------ what goes wrong
def corrupt(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def state(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize(
    "more, words",
    [
        (["--set", "method.image.wdth=3"], ["method.image", "'wdth'", "'width'"]),
        (["--set", "training.batch_size=many"], ["training.batch_size", "'many'", "a whole number"]),
        (["--set", "method.image.patch=7"], ["method.image", "32", "7"]),
        (["--set", "method.type=pyramidclap"], ["method.type", "'pyramidclap'", "'pyramidclip'"]),
        (["--set", "method.text.vocab_size=41"], ["method.text.vocab_size", "41", "40"]),
        (["--set", "training.steps=0.5"], ["training.steps", "0.5"]),
        (["--set", "training.epochs=3"], ["training.steps", "training.epochs"]),
        (["--backend", "tensorflow"], ["'tensorflow'", "mindspore, torch"]),
        (["--set", "data.train={type: shards, paths: /nowhere/*.tar}"], ["/nowhere/*.tar"]),
        (["--init", "/nowhere"], ["/nowhere holds no whole checkpoint", "correct the path\n"]),
        (["--out", "/dev/null"], ["/dev/null/journal.jsonl cannot be written", "give another --out\n"]),
        (["--out", "x" * 300], ["journal.jsonl cannot be written (File name too long); give another --out\n"]),
        (["--config", "/nowhere.yaml"], ["/nowhere.yaml"]),
        (["--max-steps", "0"], ["--max-steps", "0 is less than 1"]),
        (["--max-steps", "-1"], ["--max-steps", "-1 is less than 1"]),
        (["--report", "tensorflow"], ["--report", "'tensorflow'", "wandb", "mlflow"]),
        (["--set", "training.keep.best=loss", "training.evaluate_every=1"], ["keep.best", "'loss'", "zero_shot/digit"]),
        (["--set", "training.keep.best=zero_shot/digit"], ["training.evaluate_every=N"]),
        (["--set", "training.stop_after=2"], ["training.keep.best=METRIC"]),
        (["--set", "training.keep.last=0"], ["training.keep.last", "0"]),
        (["--init", "/nowhere/best"], ["/nowhere/best"]),
        (["--minutes", "0"], ["--minutes", "0 is no number above 0"]),
        (["--minutes", "-2"], ["--minutes", "-2 is no number above 0"]),
        (["--minutes", "nan"], ["--minutes", "nan is no number above 0"]),
        (["--minutes", "inf"], ["--minutes", "inf is no number above 0"]),
        (["--overfit", "1"], ["--overfit", "1 is less than 2"]),
        (["--max-stepz", "1"], ["unrecognized arguments: --max-stepz", "--help"]),
    ],
)
def test_a_mistake_is_one_line(config, tmp_path, capsys, more, words):
    assert run(config, tmp_path / "out", *more) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ") and printed.err.count("\n") == 1 and "Traceback" not in printed.err
    assert not [word for word in words if word not in printed.err], printed.err
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten(config, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(config, out, "--max-steps", 2) == 0
    other = str(config).replace("pyramidclip_vit", "clip_vit")
    before = state(out)
    assert run(config, out) == 2  # a second run into the same folder
    assert run(other, tmp_path / "other", "--init", out) == 2
    assert "another architecture" in capsys.readouterr().err
    assert run(config, out, "--resume", "--set", "training.clip=1") == 2
    assert "training.clip is 1 here and not given" in capsys.readouterr().err
    folder = checkpoint.latest(out)
    damaged = tmp_path / "damaged" / folder.name
    shutil.copytree(folder, damaged)
    corrupt(damaged / "model.safetensors")
    assert run(config, tmp_path / "other", "--init", damaged) == 2
    assert "model.safetensors" in capsys.readouterr().err
    assert state(out) == before and not (tmp_path / "other").exists()


def test_a_torn_checkpoint_is_passed_over(config, tmp_path, capsys):
    assert run(config, tmp_path, "--set", "training.checkpoint_every=2", "--max-steps", 4) == 0
    newest = checkpoint.latest(tmp_path)
    corrupt(newest / "optimizer.safetensors")
    assert run(config, tmp_path, "--set", "training.checkpoint_every=2", "--resume", "--max-steps", 5) == 0
    assert "step-00000004" in capsys.readouterr().err
    assert [row["step"] for row in journal.read(tmp_path)] == [1, 2, 3, 4, 5]


def test_debug_shows_where(config, tmp_path, capsys):
    assert run(config, tmp_path / "out", "--backend", "tensorflow", "--debug") == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_stops_before_the_update(config, tmp_path, capsys):
    assert run(config, tmp_path, "--set", "training.learning_rate=1e30", "training.warmup=0", "--max-steps", 5) == 2
    message = capsys.readouterr().err
    assert "is not finite, nothing was updated; the batch held scenes/train/0/" in message
    assert all(np.isfinite(row["loss"]) for row in journal.read(tmp_path))


def test_the_metrics_are_written_down(config, tmp_path, capsys):
    assert run(config, tmp_path, "--set", "training.steps=2") == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    names, beside = ["zero_shot/digit", "zero_shot/color"], ["chance", "queries", "interval", "remarks"]
    assert list(metrics) == ["step", *names, *beside] and metrics["step"] == 2
    assert metrics["queries"] == {name: 40 for name in names} and metrics["chance"]["zero_shot/color"] == 25
    assert f"zero_shot/digit: {metrics['zero_shot/digit']:.2f}%" in capsys.readouterr().out
    found = statistics_file.load(tmp_path / "hits.safetensors")  # image by image
    assert percent(found) == {name: metrics[name] for name in names}
    assert len(found["zero_shot/digit"].asked) == 40


def test_what_is_passed_over_is_told_before_training(root, tmp_path, capsys):
    pixels = np.random.default_rng(0).integers(0, 255, (8, 40, 40, 3), np.uint8)
    for number, picture in enumerate(pixels):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
    rows = [f"{number}.png,red {number}" for number in range(8)]
    (tmp_path / "t.csv").write_text("\n".join(["path,caption", *rows, ",of nobody"]))
    source = f"{{type: captions_table, path: {tmp_path}/t.csv}}"
    data = ["--set", f"data.train={source}", f"data.evaluate={source}", "training.batch_size=4"]
    tiny = str(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")
    for more in ([], ["--resume"]):
        assert run(tiny, tmp_path / "run", *data, "--max-steps", 1, *more) == 0
        lines = capsys.readouterr().out.splitlines()
        start = lines.index(f"data.train: {tmp_path}/t.csv: 8 of 9 rows read")
        assert lines[start + 1 : start + 4] == [
            "  passed over, the row has no path (1: line 10)",
            f"data.train: {tmp_path}/t.csv: all 8 pictures read",
            f"data.evaluate: {tmp_path}/t.csv: 8 of 9 rows read",
        ]


@pytest.mark.parametrize("every", [0, 3])
def test_evaluations_of_nothing_are_told(root, tmp_path, capsys, every):
    given = ["--set", "data.evaluate=null", f"training.evaluate_every={every}", "--max-steps", 1]
    assert run(str(root / "configs" / "pretrain" / "tiny_clip_vit.yaml"), tmp_path / "run", *given) == 0
    told = f"training.evaluate_every={every} is passed over, as there is no data.evaluate\n"
    assert (told in capsys.readouterr().out) == bool(every)


@pytest.mark.parametrize(
    "name, key", [("cross_entropy_resnet", "method.image.embed_dim"), ("multi_task_swin", "method.labels")]
)
@pytest.mark.parametrize("count", [8, 10, 12])
def test_outputs_that_no_class_has_are_told(root, tmp_path, capsys, name, key, count):
    config = str(root / "configs" / "pretrain" / f"tiny_{name}.yaml")
    given = ["--set", "data.evaluate=null", f"{key}={count}", "--max-steps", 1]
    assert run(config, tmp_path / "run", *given) == (2 if count < 10 else 0)  # 2: a picture of class 8 or 9 came
    told = f"data.train: remark: it names 10 classes, and the method learns {count}\n"
    assert (told in capsys.readouterr().out) == (count != 10)


def test_a_gpus_memory_is_told(root, tmp_path, capsys, monkeypatch):
    given = [str(root / "configs" / "pretrain" / "tiny_clip_vit.yaml"), tmp_path / "run", "--max-steps", 1]
    told = "of its memory for tensors at most\n"
    assert run(*given, "--device", "cpu") == 0 and told not in capsys.readouterr().out
    monkeypatch.setattr(backends, "peak_memory", lambda name: 3 * 2**29)  # as a GPU would say
    assert run(*given, "--resume", "--max-steps", 2) == 0 and f"1.50 GiB {told}" in capsys.readouterr().out
