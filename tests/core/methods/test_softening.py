"""Progressive softened labels (LightCLIP eq. 9): when targets change, and CLIP trained with them."""

from fractions import Fraction

import numpy as np
import pytest

from tandemclip.backends.recorder.record import ELAPSED, record_step
from tandemclip.backends.reference.ops import Reference
from tandemclip.core.config.build import build
from tandemclip.core.data.views.view import batch_arrays
from tandemclip.core.errors import UserError
from tandemclip.core.methods.features import START, Elapsed, Features
from tandemclip.core.methods.softening import Progressive
from tandemclip.core.objectives.infonce import infonce
from tandemclip.core.objectives.targets import Softened
from tandemclip.core.random import generator
from tandemclip.core.training import journal
from tandemclip.core.training.config import read
from tandemclip.core.training.schedule import Schedule
from tandemclip.tools import train

STEPS = 10  # step s of them has s / 9 of the run behind it: 0.33 and 0.66 lie before steps 3 and 6


def shares(soften, elapsed):
    found = soften.at(Reference(), Elapsed(*map(np.float64, elapsed)))
    return round(float(found.uniform), 6), round(float(found.importance), 6)


def name_of(pair, delta=0.2):
    return {(0.0, 0.0): "one-hot", (delta, 0.0): "smoothed", (0.0, delta): "importance"}[pair]


@pytest.mark.parametrize("epochs", [1, 2, 3, 8, 32, 50])
def test_epochs_are_divided_as_printed(epochs):
    """e < r1 E one-hot, e < r2 E smoothed, then importance; 50 epochs have e = r2 E itself."""
    schedule, soften = Schedule(1e-3, 4 * epochs, 0, steps_per_epoch=4), Progressive()
    for step in range(4 * epochs):
        e, r1, r2 = step // 4, Fraction(33, 100), Fraction(66, 100)
        wanted = "one-hot" if e < r1 * epochs else "smoothed" if e < r2 * epochs else "importance"
        assert name_of(shares(soften, schedule.elapsed(step))) == wanted


def test_steps_are_divided_within_an_epoch():
    schedule, soften = Schedule(1e-3, STEPS, 0, steps_per_epoch=100), Progressive(by="steps")
    of = lambda soften: [name_of(shares(soften, schedule.elapsed(step))) for step in range(STEPS)]
    assert of(soften) == ["one-hot"] * 3 + ["smoothed"] * 3 + ["importance"] * 4
    assert of(Progressive(r2=1.0, by="steps")) == ["one-hot"] * 3 + ["smoothed"] * 7


@pytest.mark.parametrize("by", ["epochs", "steps"])
@pytest.mark.parametrize("r1, r2", [(0.33, 0.66), (0.0, 0.5), (0.5, 1.0), (0.0, 1.0)])
def test_phases_are_those_that_there_are(r1, r2, by):
    soften = Progressive(0.3, r1, r2, by)
    found = {name: name_of(shares(soften, elapsed), 0.3) for name, elapsed in soften.phases.items()}
    assert found == {name: name for name in found}
    assert ("one-hot" in found) == (r1 > 0) and "smoothed" in found and ("importance" in found) == (r2 < 1)


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"delta": 1.2}, "delta is 1.2, expected a number, 0 to 1"),
        ({"delta": -0.1}, "delta is -0.1"),
        ({"r1": -0.1}, "r1 is -0.1"),
        ({"r2": 1.1}, "r2 is 1.1"),
        ({"r1": 0.7}, "expected r1 < r2: correct them"),
        ({"r2": 0.33}, "expected r1 < r2: correct them"),
    ],
)
def test_shares_that_divide_nothing_are_refused(wrong, words):
    with pytest.raises(UserError, match=words):
        build(Progressive, wrong, "method.soften")


# ------------------------------------------------------------------ CLIP with them
def clip(root, **fields):
    return read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml", {"method": fields})[0].method


@pytest.mark.parametrize("other", [{"alpha": 0.1}, {"targets": "labels"}])
def test_two_kinds_of_target_at_once_are_refused(root, other):
    with pytest.raises(UserError, match="leave soften out"):
        clip(root, soften={}, **other)


def test_without_them_clip_has_one_phase(root):
    assert clip(root).phases == {"": START}
    assert list(clip(root, soften={}).phases) == ["one-hot", "smoothed", "importance"]


@pytest.mark.parametrize("by", ["epochs", "steps"])
def test_one_program_serves_every_phase(root, by):
    """How much is over is an input of it, and the only one that it has more than CLIP's."""
    plain, softened = (
        used(record_step(method, batch_arrays(method.views(), 4)).program)
        for method in (clip(root), clip(root, soften={"by": by}))
    )
    assert softened - plain == {ELAPSED.epoch if by == "epochs" else ELAPSED.step}


def used(program):
    return {name for name, x in program.inputs.items() if any(x is a for call in program.calls for a in call.arguments)}


@pytest.mark.parametrize("phase, kind", [("smoothed", Softened(0.2, 0.0)), ("importance", Softened(0.0, 0.2))])
def test_every_pair_of_pyramidclip_is_softened(root, phase, kind):
    """Among the samples that have objects, where the pair is about those."""
    path = root / "configs" / "pretrain" / "tiny_pyramidclip_vit.yaml"
    method = read(path, {"method": {"soften": {}, "alpha": 0.0}})[0].method
    rng, ops, present = generator("softening"), Reference(), np.array([1.0, 0.0, 1.0, 1.0, 1.0])
    shared = {level: rng.standard_normal((5, 4)) for level in "GLRSTA"}
    shared = {level: x / np.linalg.norm(x, axis=1, keepdims=True) for level, x in shared.items()}
    elapsed = Elapsed(*map(np.float64, method.phases[phase]))
    features = Features(shared | {"has_objects": present})
    terms = method.loss(ops, {"logit_scale": np.array(1.5)}, features, elapsed)
    for pair in ("GS", "LT", "GA", "RS", "LA", "RT"):
        among = present if set(pair) & set("RA") else None
        wanted = infonce(ops, shared[pair[0]], shared[pair[1]], np.exp(1.5), targets=kind, present=among)
        assert terms[pair] == pytest.approx(wanted, rel=1e-6)


@pytest.fixture(scope="module")
def losses(root, tmp_path_factory):
    """{name: the first losses} of runs on torch that differ in their targets alone."""

    def run(name, *settings):
        out = tmp_path_factory.mktemp("runs") / name
        config = str(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")
        more = (f"training.steps={STEPS}", "training.warmup=0", "data.evaluate=null", *settings)
        assert train.main(["--config", config, "--out", str(out), "--set", *more]) == 0
        return [row["loss"] for row in journal.read(out)]

    soft = ("method.soften.by=steps",)
    return {
        "clip": run("clip"),
        "smoothed": run("smoothed", *soft, "method.soften.r2=1.0"),
        "importance": run("importance", *soft),
        "scaled": run("scaled", *soft, "method.soften.scale=logit_scale"),
    }


def test_clip_trains_through_all_three_phases(losses):
    """To the bit as CLIP before the first change, and as a run of smoothed targets alone before the second."""
    assert all(len(run) == STEPS and np.isfinite(run).all() for run in losses.values())
    assert losses["importance"][:3] == losses["clip"][:3] and losses["importance"][3] != losses["clip"][3]
    assert losses["importance"][:6] == losses["smoothed"][:6] and losses["importance"][6] != losses["smoothed"][6]
    assert losses["scaled"][:6] == losses["importance"][:6] and losses["scaled"][6] != losses["importance"][6]
