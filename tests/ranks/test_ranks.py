"""World size {1, 2} x accumulation {1, 2, 4} in real processes: the gradient and the losses of the one big batch."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pytest

from tandemclip.core.closeness import errors
from tandemclip.core.training import checkpoint, journal
from tandemclip.tests.ranks.configurations import ALIKE, BATCH_NORM, CONFIGS, write

WORKER = Path(__file__).with_name("worker.py")
GRADIENT = {"torch": 1e-6, "mindspore": 1e-4}  # torch in float64
LOSS = {"torch": 1e-5, "mindspore": 1e-4}
# Biases in front of a head's BatchNorm: their gradient is zero in theory, and in float32 nothing but rounding.
ZERO = (
    "auxiliary.head.linears.[01].bias",
    "auxiliary.projector.linears.[012].bias",
    "auxiliary.predictor.linears.0.bias",
)


def launched(backend, size, tmp_path):
    """The command that starts `size` ranks, () for one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    if size == 1:
        return ()
    if backend == "torch":
        module = ("-m", "torch.distributed.run", "--nproc-per-node", str(size), "--master-port", port)
        return (sys.executable, *module)
    options = ("--master_port", port, "--log_dir", str(tmp_path / "log"), "--join", "True")
    return (
        str(Path(sys.executable).with_name("msrun")),
        "--worker_num",
        str(size),
        "--local_worker_num",
        str(size),
        *options,
    )


def begin(backend, size, tmp_path, *command):
    launcher = launched(backend, size, tmp_path)
    program = command if launcher else (sys.executable, *command)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # msrun starts whatever `python` is
    modules = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PATH": path, "PYTHONPATH": modules}
    pipe = subprocess.PIPE
    return subprocess.Popen([*launcher, *program], stdout=pipe, stderr=pipe, text=True, env=environment, cwd=tmp_path)


def start(*arguments):
    process = begin(*arguments)
    out, err = process.communicate(timeout=600)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.fixture(scope="module")
def launch(root, tmp_path_factory):
    """The folder of results: by one launch an engine, a world size and a list of pieces, and on MindSpore another one
    for what is alike.
    """
    found = {}

    def launch(name, backend, size, counts):
        alike = {each: each in ALIKE and backend == "mindspore" for each in CONFIGS | BATCH_NORM}
        if (alike[name], backend, size, counts) not in found:
            folder = tmp_path_factory.mktemp(f"{backend}{size}")
            configs = write(root, folder, [each for each in alike if alike[each] == alike[name]])
            done = start(backend, size, folder, str(WORKER), backend, counts, str(folder), *map(str, configs.values()))
            assert done.returncode == 0, done.stdout + done.stderr
            found[alike[name], backend, size, counts] = folder
        return found[alike[name], backend, size, counts]

    return launch


def cases(names, launches):
    """(name, *launch) of each. MindSpore compiles for minutes: there `make test` leaves out what is alike, and pieces
    on one rank, which two ranks have as well.
    """
    later = lambda name, launch: launch[0] == "mindspore" and (name in ALIKE or launch[1] == 1)
    slow = lambda name, launch: [pytest.mark.slow] if later(name, launch) else []
    return [pytest.param(name, *each, marks=slow(name, each)) for name in names for each in launches]


# where one rank has the batch in one piece, that is the whole itself: but for a method that chooses
PIECES = [("torch", 1, "1,2,4"), ("torch", 2, "1,2,4"), ("mindspore", 1, "1,2"), ("mindspore", 2, "1,2")]
MORE = [pytest.param(name, "mindspore", size, "4", marks=pytest.mark.slow) for name in CONFIGS for size in (1, 2)]


@pytest.mark.parametrize("name, backend, size, counts", [*cases(CONFIGS, PIECES), *MORE])
def test_pieces_give_the_gradient_of_the_whole(name, backend, size, counts, launch):
    folder = launch(name, backend, size, counts)
    found = json.loads((folder / f"{name}.json").read_text())
    assert found["size"] == size
    gradients = {}
    with np.load(folder / f"{name}.npz") as file:
        for key in file.files:
            gradients.setdefault(key.split("/")[0], {})[key.split("/")[1]] = file[key]
    for count in counts.split(","):
        wrong = errors(*map(without_zeros, (gradients[count], gradients["one"])), "gradient")
        assert max(wrong.values()) < GRADIENT[backend], (count, max(wrong, key=wrong.get))
        assert found[count]["terms"] == pytest.approx(found["one"]["terms"], rel=LOSS[backend])
        assert found[count]["losses"] == pytest.approx(found["one"]["losses"], rel=LOSS[backend])
    assert len(set(found["one"]["losses"])) == 5  # it did train
    assert all(("logit_scale" in named) == (name != "Brightness") for named in gradients.values())


def without_zeros(gradients):
    """Those that are not zero in theory; the others are small beside what the weight of the same layer has."""
    zeros = [name for name in gradients if any(fnmatchcase(name, each) for each in ZERO)]
    for name in zeros:
        weight = gradients[name.replace("bias", "weight")]
        assert np.abs(gradients[name]).max() < 1e-4 * np.sqrt(np.mean(weight * weight)), name
    return {name: gradient for name, gradient in gradients.items() if name not in zeros}


@pytest.mark.parametrize(
    "name, backend, counts", cases(CONFIGS | BATCH_NORM, [("torch", "1,2,4"), ("mindspore", "1,2")])
)
def test_two_ranks_have_equal_states(name, backend, counts, launch):
    folder = launch(name, backend, 2, counts)
    one, other = (json.loads((folder / f"{name}.{rank}.json").read_text()) for rank in (0, 1))
    for count in counts.split(","):
        assert one[count] == other[count], [n for n in one[count] if one[count][n] != other[count][n]]
    if name == "Queue":
        assert one[count]["auxiliary.queue"] != one["initial"]["auxiliary.queue"]  # it was written


def training(root, tmp_path, out, *overrides):
    return (
        f"{root}/tools/train.py", "--config", f"{root}/configs/pretrain/tiny_clip_vit.yaml",
        "--out", str(tmp_path / out),
        "--set", "training.steps=6", "training.checkpoint_every=4", "data.train.count=60", *overrides,
    )  # fmt: skip


def train(root, tmp_path, out, size, *overrides):
    return start("torch", size, tmp_path, *training(root, tmp_path, out, *overrides))


def test_a_run_of_two_ranks_is_the_run_of_one(root, tmp_path):
    """Its image tower begins to learn in the middle, when the update is laid out anew."""
    later = "training.groups=[{match: image.*, frozen_for: 3}]"
    alone, two = (
        train(root, tmp_path, name, size, later, *more)
        for name, size, *more in [("alone", 1), ("two", 2, "training.accumulate=2")]
    )
    assert alone.returncode == 0 == two.returncode, two.stdout + two.stderr
    losses = [[row["loss"] for row in journal.read(tmp_path / name)] for name in ("alone", "two")]
    assert len(losses[1]) == 6 and losses[1] == pytest.approx(losses[0], rel=1e-5)
    one, other = (checkpoint.load(checkpoint.latest(tmp_path / name)).model for name in ("alone", "two"))
    apart = errors(one, other, "output")  # of keys the biases are left out: their gradient is rounding
    assert max(value for name, value in apart.items() if name.endswith(".weight")) < 1e-4
    assert two.stdout.count("zero_shot/digit: ") == 1  # one of them evaluates
    folders = [sorted(p.name for p in (tmp_path / name / "checkpoints").iterdir()) for name in ("alone", "two")]
    assert folders[0] == folders[1] == ["step-00000004", "step-00000006"]


# MindSpore's launcher takes three quarters of a minute to begin and to end
@pytest.mark.parametrize("backend", ["torch", pytest.param("mindspore", marks=pytest.mark.slow)])
def test_a_rank_that_dies_takes_the_others_along(backend, root, tmp_path):
    command = training(root, tmp_path, "run", "training.steps=100000", "training.checkpoint_every=10")
    run = begin(backend, 2, tmp_path, *command, "--backend", backend)
    try:
        _until(lambda: len(journal.read(tmp_path / "run")) > 10, run)
        ranks = [p for p in _below(run.pid) if b"tools/train.py" in p.read_bytes() and _is_rank(p)]
        assert len(ranks) == 2
        os.kill(int(ranks[1].parent.name), signal.SIGKILL)
        out, err = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode != 0
    assert ("exitcode: -9" if backend == "torch" else "exit with exception") in out + err
    assert not any(path.exists() for path in ranks)  # nobody is left
    assert checkpoint.latest(tmp_path / "run") is not None


def _until(happened, run):
    for _ in range(600):
        if happened():
            return
        assert run.poll() is None, run.communicate()
        time.sleep(0.2)
    raise AssertionError("nothing happened for two minutes")


def _below(pid):
    """The command lines, as /proc has them, of all processes under this one."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield Path(f"/proc/{child}/cmdline")
            yield from _below(child)


def _is_rank(cmdline):
    """Neither msrun's scheduler nor a loader's process."""
    environment = (cmdline.parent / "environ").read_bytes()
    return b"MS_ROLE=MS_SCHED" not in environment and b"spawn_main" not in cmdline.read_bytes()


def test_a_batch_that_cannot_be_divided_is_refused(root, tmp_path):
    done = train(root, tmp_path, "run", 1, "training.accumulate=3")
    assert done.returncode == 2 and "make it a multiple of 3" in done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "run" / "journal.jsonl").exists()
