"""Hints repeat what was typed."""

import shlex
import sys

import pytest

from tandemclip.core.console.typed import again, program


def typed(monkeypatch, before, *arguments, script=None):
    monkeypatch.setattr(sys, "orig_argv", [*before, *arguments])
    monkeypatch.setattr(sys, "argv", [script or before[-1], *arguments])


@pytest.mark.parametrize(
    "before, script",
    [
        (["python", "tools/train.py"], "tools/train.py"),
        ([".venv/bin/python", "-u", "tools/train.py"], "tools/train.py"),
        (["python", "-m", "tandemclip.tools.train"], "/somewhere/tandemclip/tools/train.py"),
        (["python", "a folder/tools/train.py"], "a folder/tools/train.py"),
    ],
)
def test_a_module_or_file_goes_by_all_that_was_typed(monkeypatch, before, script):
    typed(monkeypatch, before, "--out", "x", script=script)
    assert shlex.split(program()) == before


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "bin" / "tandemclip"
    path.parent.mkdir()
    path.write_text("#!python\n")
    path.chmod(0o755)
    return path


def test_a_script_that_the_shell_found_goes_by_its_name(monkeypatch, script):
    typed(monkeypatch, ["/env/bin/python", str(script), "train"], "--out", "x", script=str(script))
    monkeypatch.setenv("PATH", str(script.parent))
    assert program() == "tandemclip train"


def test_a_script_that_is_not_on_the_path_goes_by_its_path(monkeypatch, script):
    typed(monkeypatch, ["/env/bin/python", str(script), "train"], "--out", "x", script=str(script))
    monkeypatch.setenv("PATH", "/nowhere")
    assert program() == f"{script} train"
    other = script.parent.parent / "tandemclip"  # of another environment, and first on the path
    other.write_text("#!python\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(other.parent))
    assert program() == f"{script} train"


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ("--config a.yaml --out runs/a", "--config a.yaml --out runs/a --resume"),
        ("--out runs/a --resume --set a=1 b=2", "--out runs/a --set a=1 b=2 --resume"),
        ("--max-steps 3 --out runs/a --minutes=2 --init x", "--out runs/a --resume"),
        ("--ma 3 --out runs/a --min 2", "--out runs/a --resume"),  # as argparse lets one shorten them
        ("--out runs/a --resume --accept-data-change --eager", "--out runs/a --eager --resume"),  # it takes no value
        ("--accept --out runs/a --resu --max-steps 3", "--out runs/a --resume"),
        (
            "--out 'my runs/a' --set 'data.train.paths=x/*.tar'",
            "--out 'my runs/a' --set 'data.train.paths=x/*.tar' --resume",
        ),
    ],
)
def test_the_same_again(monkeypatch, arguments, expected):
    typed(monkeypatch, ["python", "tools/train.py"])
    without = {"--max-steps": 1, "--minutes": 1, "--init": 1, "--accept-data-change": 0}
    found = again(shlex.split(arguments), "--resume", without)
    assert found == f"python tools/train.py {expected}"
