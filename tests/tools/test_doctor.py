"""The doctor on machines that have one engine, none, or a wrong one."""

import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from tandemclip import backends
from tandemclip.backends.checkup import checkup
from tandemclip.backends.torch.engine import Engine
from tandemclip.backends.torch.ops import TorchOps
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.tools import doctor
from tandemclip.tools.parity import subject

HIDING = """
import sys
from pathlib import Path

class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {hidden!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hide())
from tandemclip.tools import doctor
doctor.CONFIGS = Path({configs!r})
sys.exit(doctor.main([]))
"""


@pytest.fixture
def one_config(root, tmp_path):
    shutil.copy(root / "configs" / "pretrain" / "tiny_clip_vit.yaml", tmp_path)
    return tmp_path


def visit(hidden, configs):
    program = HIDING.format(hidden=hidden, configs=str(configs))
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


@pytest.mark.parametrize("there, missing", [("torch", "mindspore"), ("mindspore", "torch")])
def test_one_engine_is_enough(one_config, there, missing):
    result = visit([missing], one_config)
    assert result.returncode == 0, result.stdout + result.stderr
    told = " ".join(result.stdout.replace("│", " ").split())
    assert "tiny_clip_vit" in told and "agrees" in told
    assert f"tandemclip[{missing}]" in told  # how it is installed


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
