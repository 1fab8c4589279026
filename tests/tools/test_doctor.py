"""The doctor on machines that have one engine, none, or a wrong one."""

import re
import shutil
from dataclasses import replace

import pytest

from tandemclip import backends
from tandemclip.backends.checkup import checkup
from tandemclip.backends.torch.engine import Engine
from tandemclip.backends.torch.ops import TorchOps
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.tests.one_engine import run_without
from tandemclip.tools import doctor
from tandemclip.tools.parity import subject

PROGRAM = """
from pathlib import Path
from tandemclip.tools import doctor
doctor.CONFIGS = Path({!r})
sys.exit(doctor.main([]))
"""


@pytest.fixture
def one_config(root, tmp_path):
    shutil.copy(root / "configs" / "pretrain" / "tiny_clip_vit.yaml", tmp_path)
    return tmp_path


def visit(hidden, configs):
    return run_without(hidden, PROGRAM.format(str(configs)))


@pytest.mark.parametrize("there, missing", [("torch", "mindspore"), ("mindspore", "torch")])
def test_one_engine_is_enough(one_config, there, missing):
    result = visit([missing], one_config)
    assert result.returncode == 0, result.stdout + result.stderr
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if re.fullmatch(r"tiny_clip_vit +[\d.]+ s( +\d\.\de-\d\d){3} +agrees *", line)]
    told = re.sub(r"\s+", " ", result.stdout)
    assert f"not installed: pip install {missing}" in re.sub(r"[\'\"]", "", told)
    assert "tandemclip[" not in told  # no index need have this package
    assert result.stderr == ""


def test_no_engine(one_config):
    result = visit(["torch", "mindspore"], one_config)
    assert result.returncode == 1 and "no engine" in result.stdout and "Traceback" not in result.stderr


def test_an_engine_that_does_not_start(one_config, monkeypatch, capsys):
    def load(name):
        raise OSError("libge_runner.so: cannot open shared object file")

    monkeypatch.setattr(backends, "load", load)
    assert doctor.main([]) == 1
    assert "libge_runner.so" in capsys.readouterr().out


def test_a_wrong_engine_is_an_exit_code(one_config, monkeypatch, capsys):
    monkeypatch.setattr(backends, "names", lambda: ["torch"])
    monkeypatch.setattr(doctor, "CONFIGS", one_config)
    assert doctor.main([]) == 0
    monkeypatch.setattr(TorchOps, "quick_gelu", lambda self, x: x)
    assert doctor.main([]) == 1
    capsys.readouterr()


# ------------------------------------------------------------------ what is wrong is named
@pytest.fixture
def start(root):
    config, _ = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")
    return subject(config, initial_weights(config.method, 0), 1)


def test_a_missing_kernel(start, monkeypatch):
    def attention(self, *_):
        raise RuntimeError("\n-----\n- Kernel select failed:\nUnsupported op [Attention] on CPU")

    monkeypatch.setattr(TorchOps, "attention", attention)
    fault = checkup(start, Engine).fault
    assert fault.startswith("Unsupported op [Attention] on CPU in image.blocks.0.attention")


def test_a_wrong_kernel(start, monkeypatch):
    right = TorchOps.quick_gelu
    monkeypatch.setattr(TorchOps, "quick_gelu", lambda self, x: right(self, x) * (1 + 1e-4))
    assert checkup(start, Engine).fault == "first wrong node: image.blocks.0.feed_forward.shrink"


def test_a_wrong_gradient(start):
    class Wrong(Engine):
        def named_gradients(self, backward):
            return {name: array * 1.001 for name, array in super().named_gradients(backward).items()}

    found = checkup(start, Wrong)
    assert found.gradient == pytest.approx(1e-3, rel=0.1) and "the gradient or the update" in found.fault


def test_a_wrong_update(start):
    class Wrong(Engine):
        def update(self, backward, rates):
            return super().update(backward, replace(rates, correction1=1.0))

    found = checkup(start, Wrong)
    assert found.update > 1e-3 and found.gradient < 1e-4 and found.fault
