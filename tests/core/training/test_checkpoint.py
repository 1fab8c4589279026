"""A checkpoint is whole or named as torn, whatever happened while it was written."""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import numpy as np
import pytest

from tandemclip.core.errors import UserError
from tandemclip.core.training import checkpoint
from tandemclip.core.training.best import Best

MODEL = {"tower.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "logit_scale": np.float32(2.6593)}
STATE = {"position": 12, "config": {"width": 64}}


def save(run, step, model=None):
    """And remove what is older, as a training does."""
    moments = {"tower.weight.m": np.full((2, 3), step, np.float32)}
    folder = checkpoint.save(run, step, model or MODEL, moments, STATE)
    checkpoint.keep(run, step)
    return folder


def steps(run):
    return sorted(folder.name for folder in (run / "checkpoints").iterdir())


def assert_bitwise(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        array = np.asarray(array)
        assert found[name].dtype == array.dtype and found[name].shape == array.shape, name
        assert found[name].tobytes() == array.tobytes(), name


def test_round_trip_is_bitwise(tmp_path):
    generator = np.random.default_rng(0)
    arrays = {
        "scalar": np.float32(0.1),
        "zero_dimensional": np.array(7, dtype=np.int64),
        "empty": np.zeros((0, 3), np.float32),
        "half": generator.standard_normal((3, 5)).astype(np.float16),
        "double": generator.standard_normal(4),
        "odd": np.array([np.nan, -0.0, np.inf, 1e-45], np.float32),
        "flags": np.array([True, False]),
        "transposed": generator.standard_normal((3, 4)).astype(np.float32).T,
        "strided": generator.standard_normal((6, 4)).astype(np.float32)[::2, ::-1],
        "big_endian": np.arange(3, dtype=">f4").astype("<f4"),
    }
    folder = checkpoint.save(tmp_path, 200, arrays, {"scalar.m": arrays["double"]}, STATE)
    assert folder == tmp_path / "checkpoints" / "step-00000200"
    loaded = checkpoint.load(folder)
    assert_bitwise(loaded.model, arrays)
    assert_bitwise(loaded.optimizer, {"scalar.m": arrays["double"]})
    assert loaded.state == STATE | {"step": 200} and loaded.step == 200 and loaded.folder == folder
    loaded.model["transposed"] += 1  # the trainer updates in place


def test_empty_dictionaries(tmp_path):
    loaded = checkpoint.load(checkpoint.save(tmp_path, 0, {}, {}, {}))
    assert (loaded.model, loaded.optimizer, loaded.state) == ({}, {}, {"step": 0})


def test_last_two_are_kept(tmp_path):
    for step in (100, 200, 300, 400):
        save(tmp_path, step)
    assert steps(tmp_path) == ["step-00000300", "step-00000400"]
    assert checkpoint.latest(tmp_path).name == "step-00000400"


def test_steps_beyond_eight_digits_sort_by_number(tmp_path):
    for step in (99_999_999, 100_000_000):
        save(tmp_path, step)
    assert checkpoint.latest(tmp_path).name == "step-100000000"


def test_torn_one_does_not_count_as_kept(tmp_path):
    save(tmp_path, 100)
    (save(tmp_path, 200) / "model.safetensors").unlink()
    save(tmp_path, 300)
    assert "step-00000100" in steps(tmp_path)
    save(tmp_path, 400)
    assert steps(tmp_path) == ["step-00000300", "step-00000400"]


def test_same_step_is_replaced(tmp_path):
    save(tmp_path, 100)
    save(tmp_path, 200)
    moved = {**MODEL, "logit_scale": np.float32(3.0)}
    save(tmp_path, 200, moved)
    assert steps(tmp_path) == ["step-00000100", "step-00000200"]
    assert_bitwise(checkpoint.load(checkpoint.latest(tmp_path)).model, moved)


def flip_byte(folder):
    path = folder / "optimizer.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def truncate_manifest(folder):
    path = folder / "manifest.json"
    path.write_bytes(path.read_bytes()[:-20])


def edit_manifest(folder):
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["files"]["state.json"]
    path.write_text(json.dumps(manifest))


def newer_format(folder):
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"format": 2', '"format": 3'))


def truncate_model(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


DAMAGE = [
    (flip_byte, r"optimizer\.safetensors.*SHA-256"),
    (truncate_model, r"model\.safetensors has \d+ bytes, the manifest says \d+"),
    (lambda folder: (folder / "state.json").unlink(), r"state\.json is missing"),
    (lambda folder: (folder / "manifest.json").unlink(), r"manifest\.json is missing"),
    (truncate_manifest, r"manifest\.json is damaged"),
    (edit_manifest, r"manifest\.json is damaged"),
    (newer_format, r"manifest\.json has format 3"),
]


@pytest.mark.parametrize("damage, message", DAMAGE)
def test_damage_is_named_and_passed_over(tmp_path, damage, message):
    older, torn = save(tmp_path, 100), save(tmp_path, 200)
    damage(torn)
    with pytest.raises(UserError, match=message):
        checkpoint.load(torn)
    warnings = []
    assert checkpoint.latest(tmp_path, warnings.append) == older
    (warning,) = warnings
    assert str(torn) in warning and re.search(message, warning)


def test_resolve(tmp_path):
    older, newest = save(tmp_path, 100), save(tmp_path, 200)
    assert checkpoint.resolve(tmp_path) == newest
    assert checkpoint.resolve(older) == older
    flip_byte(newest)
    assert checkpoint.resolve(tmp_path, warn=lambda message: None) == older
    assert checkpoint.resolve(newest) == newest  # named explicitly: `load` says what is wrong with it
    (newest / "manifest.json").unlink()
    assert checkpoint.resolve(newest) == newest
    moved = shutil.move(older, tmp_path / "my_favourite")
    assert checkpoint.resolve(moved) == Path(moved)
    for nothing in (tmp_path, tmp_path / "absent"):
        with pytest.raises(UserError, match="holds no whole checkpoint"):
            checkpoint.resolve(nothing, warn=lambda message: None)


def test_leftovers_are_ignored_then_cleaned(tmp_path):
    folder = save(tmp_path, 100)
    leftover = folder.with_name(".step-00000200.writing")
    shutil.copytree(folder, leftover)
    assert checkpoint.latest(tmp_path) == folder
    save(tmp_path, 300)
    assert not leftover.exists()


def test_later_checkpoints_are_not_overrun(tmp_path):
    checkpoint.refuse_later(tmp_path, 0)
    save(tmp_path, 100)
    newest = save(tmp_path, 200)
    checkpoint.refuse_later(tmp_path, 200)
    with pytest.raises(UserError, match="step-00000200.*--resume"):
        checkpoint.refuse_later(tmp_path, 100)
    flip_byte(newest)
    checkpoint.refuse_later(tmp_path, 100)


def in_child(function):
    """Run `function` in a forked process; the exit code is what it gave to os._exit, or 0."""
    child = os.fork()
    if child == 0:
        try:
            function()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die_before(operation):
    """This process, before the n-th thing that Python asks of the disk."""
    operations = 0

    def hook(event, arguments):
        nonlocal operations
        if event.split(".")[0] in ("open", "os", "shutil"):
            if operations == operation:
                os._exit(9)
            operations += 1

    sys.addaudithook(hook)


def is_whole(folder):
    try:
        checkpoint.load(folder)
    except UserError:
        return False
    return True


@pytest.mark.parametrize("step", [200, 300])  # a replacement and a new one; both with one to remove
def test_killed_at_any_operation(tmp_path, step):
    """Die before the n-th thing that Python asks of the disk, for every n: a whole checkpoint always remains."""
    moved = {**MODEL, "logit_scale": np.float32(9.0)}
    outcomes = []
    for kill_at in range(200):
        run = tmp_path / str(kill_at)
        for before in (100, 200):
            save(run, before)

        def killed(run=run, kill_at=kill_at):
            die_before(kill_at)
            save(run, step, moved)

        code = in_child(killed)
        warnings = []
        found = checkpoint.load(checkpoint.latest(run, warnings.append))
        assert not warnings and found.step in (200, step)
        assert sum(is_whole(folder) for folder in (run / "checkpoints").iterdir()) >= 2
        outcomes.append(float(found.model["logit_scale"]) == 9.0)
        save(run, 400)  # life goes on, and the leftovers with it
        assert checkpoint.latest(run).name == "step-00000400" and len(steps(run)) == 2
        if code == 0:
            break
        assert code == 9
    assert code == 0 and outcomes == sorted(outcomes) and not outcomes[0] and outcomes[-1]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc to see which file is synced")
def test_everything_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    """A power failure cannot be staged here; the order of the system calls that guard against it can be watched."""
    calls = []
    fsync, rename = os.fsync, os.rename

    def watched_fsync(descriptor):
        calls.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "rename", lambda old, new: (calls.append("rename"), rename(old, new)))
    save(tmp_path, 200)
    hidden = ".step-00000200.writing"
    written = ["model.safetensors", "optimizer.safetensors", "state.json", "manifest.json"]
    assert calls == [*written, hidden, "rename", "checkpoints", tmp_path.name]


def test_full_disk_is_reported_and_nothing_lost(tmp_path):
    for step in (100, 200):
        save(tmp_path, step)

    def full():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))  # the kernel refuses the write, as on a full disk
        with pytest.raises(UserError, match="step 300 could not be written.*earlier checkpoints are untouched"):
            save(tmp_path, 300, {"large": np.zeros(10_000)})

    assert in_child(full) == 0
    assert steps(tmp_path) == ["step-00000100", "step-00000200"]


def test_read_only_folder_is_reported_and_nothing_lost():
    with tempfile.TemporaryDirectory() as place:  # not tmp_path, whose parents only its owner may enter
        run = Path(place)
        for step in (100, 200):
            save(run, step)

        def read_only():
            for folder in (run, run / "checkpoints"):
                folder.chmod(0o555)
            if os.geteuid() == 0:  # permissions do not stop root
                os.seteuid(65534)
            with pytest.raises(UserError, match="step 300 could not be written.*Permission denied"):
                save(run, 300)

        assert in_child(read_only) == 0
        for folder in (run, run / "checkpoints"):
            folder.chmod(0o755)
        assert steps(run) == ["step-00000100", "step-00000200"]
        assert checkpoint.load(checkpoint.latest(run)).step == 200


def test_nothing_is_pickled(tmp_path):
    """An array of objects is what would need it."""
    with pytest.raises(Exception, match="object"):
        save(tmp_path, 100, {"objects": np.array([{}], dtype=object)})
    assert checkpoint.latest(tmp_path) is None


def test_another_process_reads_it(tmp_path):
    folder = save(tmp_path, 100)
    code = f"from tandemclip.core.training import checkpoint; print(checkpoint.load({str(folder)!r}).step)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "100\n"


def test_a_checkpoint_of_format_1_is_read_by_todays_names(tmp_path):
    """Auxiliary parts were called "training." then; a part of a name that ends so was and is another thing."""
    names = {"training.head.weight": "auxiliary.head.weight", "image.training.weight": "image.training.weight"}
    model = {name: np.full(2, i, np.float32) for i, name in enumerate(names)}
    moments = {f"{state}.{name}": array for state in ("first", "second") for name, array in model.items()}
    folder = checkpoint.save(tmp_path, 3, model, moments, {})
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"format": 2', '"format": 1'))
    found = checkpoint.load(folder)
    assert set(found.model) == set(names.values())
    assert set(found.optimizer) == {f"{state}.{name}" for state in ("first", "second") for name in names.values()}
    for i, name in enumerate(names.values()):
        assert found.model[name][0] == found.optimizer[f"second.{name}"][0] == i


# ------------------------------------------------------------------ which ones stay
@pytest.mark.parametrize("last", [1, 2, 3, 9])
@pytest.mark.parametrize("best", [None, 100, 300, 500])
def test_the_newest_and_the_best_are_kept(tmp_path, last, best):
    """Every best one was the newest once, as in a training."""
    for step in range(100, 600, 100):
        checkpoint.save(tmp_path, step, MODEL, {}, STATE)
        found = None if best is None or step < best else Best("a", 1.0, best)
        checkpoint.keep(tmp_path, step, last, found)
    expected = {step for step in range(100, 600, 100) if step > 500 - 100 * last or step == best}
    assert steps(tmp_path) == [f"step-{step:08d}" for step in sorted(expected)]
    if best is None:
        with pytest.raises(UserError, match="keeps no best checkpoint; name .* training.keep.best=METRIC"):
            checkpoint.resolve(tmp_path / "best")
    else:
        assert checkpoint.load(checkpoint.resolve(tmp_path / "best")).step == best
    assert checkpoint.latest(tmp_path).name == "step-00000500"


def test_a_run_that_is_called_best_is_itself(tmp_path):
    newest = save(tmp_path / "best", 100)
    assert checkpoint.resolve(tmp_path / "best") == newest
    with pytest.raises(UserError, match="holds no whole checkpoint"):
        checkpoint.resolve(tmp_path / "absent" / "best", warn=lambda message: None)


def test_a_best_one_that_is_gone_is_not_named(tmp_path):
    save(tmp_path, 100)
    assert checkpoint.point_to(tmp_path, Best("a", 1.0, 100)) and (tmp_path / "best.json").exists()
    assert not checkpoint.point_to(tmp_path, Best("a", 2.0, 50)) and not (tmp_path / "best.json").exists()
    assert checkpoint.point_to(tmp_path, None)


@pytest.mark.parametrize("better", [False, True])
def test_killed_at_any_operation_the_best_is_whole(tmp_path, better):
    """Whatever of the save of 300 is done, RUN/best is a whole checkpoint: 100's, or 300's if that is better."""
    found = []
    for kill_at in range(200):
        run = tmp_path / str(kill_at)
        for before in (100, 200):
            checkpoint.save(run, before, MODEL, {}, STATE)
            checkpoint.keep(run, before, 1, Best("a", 1.0, 100))

        def killed(run=run, kill_at=kill_at):
            die_before(kill_at)
            checkpoint.save(run, 300, MODEL, {}, STATE)
            checkpoint.keep(run, 300, 1, Best("a", 2.0, 300) if better else Best("a", 1.0, 100))

        code = in_child(killed)
        found.append(checkpoint.load(checkpoint.resolve(run / "best")).step)
        if code == 0:
            break
        assert code == 9
    assert code == 0 and found == sorted(found) and set(found) == ({100, 300} if better else {100})
    assert len(steps(run)) == (1 if better else 2)
