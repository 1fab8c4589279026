"""Mixed precision: what is computed low, what is not, on both engines; loss scaling."""

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.backends.recorder.draws import training_views
from tandemclip.backends.recorder.record import record_step
from tandemclip.core.data.loading.loader import batches
from tandemclip.core.data.views.view import batch_arrays
from tandemclip.core.methods.features import START
from tandemclip.core.ops import FUNCTIONS
from tandemclip.core.precision import BATCH_NORMS, KEEP, LOW, Mixed
from tandemclip.core.spec import initial_weights
from tandemclip.core.training import checkpoint, journal
from tandemclip.core.training.config import read
from tandemclip.core.training.start import tokenizer_of
from tandemclip.tools import train

CONFIG = "configs/pretrain/tiny_pyramidclip_vit.yaml"


@pytest.fixture(scope="module")
def subject(root):
    config, _ = read(root / CONFIG)
    stream = batches(
        config.data.train,
        training_views(config.method),
        tokenizer_of(config),
        batch_size=8,
        seed=0,
        start_step=0,
        stop_step=1,
    )
    return config, initial_weights(config.method, 0), next(stream)


def test_every_call_is_in_the_precision_it_should_be_in(subject):
    config, _, _ = subject
    recording = record_step(config.method, batch_arrays(training_views(config.method), 4), "bf16")
    for call in recording.program.calls:
        kinds = {x.kind for x in _symbols(call.arguments)} - {"int", "bool"}
        if call.function in LOW:
            assert kinds == ({"low"} if call.node else {"float"}), call  # at the root stands the loss
        elif call.function in FUNCTIONS and call.function not in KEEP:
            assert "low" not in kinds, call
    assert recording.outputs["loss"].kind == "float"
    exact = record_step(config.method, batch_arrays(training_views(config.method), 4))
    assert not any(call.function == "lower" for call in exact.program.calls)


def test_a_resnet_keeps_low_maps(root):
    """What a BatchNorm is given is kept for its gradient, and so is what it gives."""
    config, _ = read(root / "configs/pretrain/tiny_clip_rn.yaml")
    recording = record_step(config.method, batch_arrays(training_views(config.method), 4), "bf16")
    norms = [call for call in recording.program.calls if call.function in BATCH_NORMS]
    assert norms and all([x.kind for x in _symbols(call.arguments)] == ["low", "float", "float"] for call in norms)
    activations = [call for call in recording.program.calls if call.function == "relu"]
    assert activations and {x.kind for call in activations for x in _symbols(call.arguments)} == {"low"}


def _symbols(arguments):
    for item in arguments:
        if isinstance(item, tuple):
            yield from _symbols(item)
        elif hasattr(item, "kind"):
            yield item


def bfloat16(x):
    """float32 rounded to the nearest with 8 bits of significand, ties to even."""
    bits = x.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)).view(np.float32)


LOWER = {"bf16": (bfloat16, 2.0**-7), "fp16": (lambda x: x.astype(np.float16), 2.0**-10)}


@pytest.mark.parametrize("backend,precision", [("torch", "bf16"), ("torch", "fp16"), ("mindspore", "fp16")])
def test_a_product_is_that_of_lowered_arrays(backend, precision):
    """Within the rounding of the result, and not that of float32."""
    ops = _ops(backend)
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((7, 64)).astype(np.float32), rng.standard_normal((5, 64)).astype(np.float32)
    found = _host(ops.widen(Mixed(ops, precision).linear(ops.constant(x), ops.constant(weight))))
    low, rounding = LOWER[precision]
    wanted = low(x).astype(np.float64) @ low(weight).astype(np.float64).T
    assert np.abs(found - wanted).max() <= rounding * np.abs(wanted).max()
    assert found.dtype == np.float32 and not np.array_equal(found, (x @ weight.T))


@pytest.mark.parametrize("backend,precision", [("torch", "bf16"), ("torch", "fp16"), ("mindspore", "fp16")])
@pytest.mark.parametrize("shape", [(6, 5), (4, 5, 3, 3)])
@pytest.mark.parametrize("as_here", [True, False])
def test_a_batch_norm_of_low_arrays_is_float32s(monkeypatch, backend, precision, shape, as_here):
    """At a mean of 30 deviations, where statistics in the low type would be off by a tenth and more.

    as_here: else by MindSpore's way for the other kind of device.
    """
    if backend == "mindspore":
        monkeypatch.setattr(_ops(backend), "ON_CPU", as_here == _ops(backend).ON_CPU)
    ops, rng = _ops(backend), np.random.default_rng(0)
    vectors = [ops.constant(rng.uniform(0.5, 2, 5).astype(np.float32)) for _ in range(4)]
    x = ops.lower(ops.constant((rng.standard_normal(shape) + 30).astype(np.float32)), precision)
    weight, bias, mean, variance = vectors
    exact = ops.batch_norm(ops.widen(x), weight, bias, 1e-5)
    for found, wanted in zip(Mixed(ops, precision).batch_norm(x, weight, bias, 1e-5), exact):
        low = found.shape == x.shape
        assert found.dtype == (x.dtype if low else bias.dtype)
        wanted = _host(ops.widen(ops.lower(wanted, precision) if low else wanted))
        assert np.abs(_host(ops.widen(found)) - wanted).max() <= 1e-5 * np.abs(wanted).max()
    found = Mixed(ops, precision).batch_norm_inference(x, weight, bias, mean, variance, 1e-5)
    wanted = ops.lower(ops.batch_norm_inference(ops.widen(x), weight, bias, mean, variance, 1e-5), precision)
    assert found.dtype == x.dtype and np.array_equal(_host(ops.widen(found)), _host(ops.widen(wanted)))


def _ops(backend):
    if backend == "torch":
        from tandemclip.backends.torch.ops import TorchOps

        return TorchOps()
    from tandemclip.backends.mindspore import ops

    return ops


def _host(x):
    return x.asnumpy() if hasattr(x, "asnumpy") else x.numpy()


@pytest.mark.parametrize(
    "backend,precision,off", [("torch", "bf16", 0.2), ("torch", "fp16", 0.025), ("mindspore", "fp16", 0.025)]
)
def test_a_step_is_that_of_float32_but_for_rounding(subject, backend, precision, off):
    """off: gradients of a batch at initial weights nearly cancel; bf16 has an eighth of fp16's precision."""
    config, weights, batch = subject
    make = lambda precision: backends.load(backend)(config.method, weights, config.training.update, precision=precision)
    exact, low = make("fp32"), make(precision)
    wanted, found = exact.backward(batch, START), low.backward(batch, START, 1024.0)
    assert found.terms["loss"] == pytest.approx(wanted.terms["loss"], rel=off / 10) and found.terms != wanted.terms
    assert found.norm == pytest.approx(wanted.norm, rel=off)
    one, other = exact.named_gradients(wanted), low.named_gradients(found)
    whole = lambda named: np.concatenate([named[name].reshape(-1) for name in sorted(named)])
    distance = np.linalg.norm(whole(one) - whole(other)) / np.linalg.norm(whole(one))
    assert 1e-6 < distance < off
    assert all(array.dtype == np.float32 for array in low.weights().values())


def test_fp16_runs_and_goes_on_bit_identically(root, tmp_path):
    """The loss scale is a part of the run: it stands in the checkpoint."""
    common = [
        "--config",
        str(root / "configs/pretrain/tiny_clip_vit.yaml"),
        "--set",
        "training.precision=fp16",
        "training.steps=6",
    ]
    assert train.main([*common, "--out", str(tmp_path / "whole")]) == 0
    assert train.main([*common, "--out", str(tmp_path / "parts"), "--max-steps", "3"]) == 0
    assert train.main([*common, "--out", str(tmp_path / "parts"), "--resume"]) == 0
    whole, parts = (journal.read(tmp_path / name) for name in ("whole", "parts"))
    seen = [[(row["loss"], row["loss_scale"], row["skipped"]) for row in rows] for rows in (whole, parts)]
    assert seen[0] == seen[1] and len(whole) == 6
    assert whole[0]["loss_scale"] == 2.0**16 and not whole[-1]["skipped"]  # the first ones may be too high
    state = checkpoint.load(checkpoint.latest(tmp_path / "parts")).state
    assert state["loss_scale"]["scale"] == whole[-1]["loss_scale"]
    assert state["loss_scale"]["skipped"] == sum(row["skipped"] for row in whole)


def test_an_overflow_skips_the_update_and_halves_the_scale(root, tmp_path):
    out = tmp_path / "run"
    common = [
        "--config",
        str(root / "configs/pretrain/tiny_clip_vit.yaml"),
        "--out",
        str(out),
        "--set",
        "training.precision=fp16",
    ]
    assert train.main([*common, "training.steps=4", "--max-steps", "1"]) == 0
    folder = checkpoint.latest(out)
    saved = checkpoint.load(folder)
    state = {**saved.state, "loss_scale": {"scale": 2.0**40, "good": 0, "skipped": 0}}
    checkpoint.save(out, saved.step, saved.model, saved.optimizer, state)
    assert train.main([*common, "training.steps=4", "--resume", "--max-steps", "2"]) == 0
    row, after = journal.read(out)[-1], checkpoint.load(checkpoint.latest(out))
    assert (
        row["gradient_norm"] is None
        and row["skipped"]
        and row["loss_scale"] == 2.0**40
        and row["update_norm"] == 0
        and np.isfinite(row["loss"])
    )
    assert after.state["loss_scale"] == {"scale": 2.0**39, "good": 0, "skipped": 1, "moves": True} and after.step == 2
    assert all(np.array_equal(array, saved.model[name]) for name, array in after.model.items())


def test_mindspore_refuses_bf16_on_its_cpu(root, tmp_path, capsys):
    arguments = [
        "--config",
        str(root / "configs/pretrain/tiny_clip_vit.yaml"),
        "--backend",
        "mindspore",
        "--out",
        str(tmp_path / "r"),
    ]
    assert train.main([*arguments, "--set", "training.precision=bf16"]) == 2
    error = capsys.readouterr().err
    assert "bf16" in error and "fp32 or fp16" in error and "Traceback" not in error and not (tmp_path / "r").exists()
