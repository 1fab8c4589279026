"""`--help` of every tool loads nothing that is slow to import."""

import subprocess
import sys

import pytest

HEAVY = (
    "cv2", "ftfy", "grain", "matplotlib", "mindspore", "numpy", "pydantic", "rich", "safetensors", "scipy", "sklearn",
    "tensorboard", "tokenizers", "torch",
)  # fmt: skip
PROGRAM = """
import runpy, sys
sys.argv = [sys.argv[1], "--help"]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as end:
    assert end.code == 0, end.code
print("loaded:", *sys.modules)
"""


@pytest.fixture(scope="module")
def tools(root):
    found = sorted(path for path in (root / "tools").glob("*.py") if path.stem != "__init__")
    assert len(found) >= 9
    return found


def test_help_loads_no_heavy_module(tools):
    # all at once: a process each takes a second where the machine is busy
    processes = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, path], stdout=subprocess.PIPE, text=True) for path in tools
    ]
    for path, process in zip(tools, processes):
        shown, _, loaded = process.communicate()[0].rpartition("loaded:")
        assert process.returncode == 0 and shown.startswith("usage:"), path.name
        assert not set(HEAVY) & set(loaded.split()), path.name


def test_the_program_sees_what_a_tool_loads(tmp_path):
    tool = tmp_path / "slow.py"
    tool.write_text("import argparse\nimport rich\nargparse.ArgumentParser().parse_args()\n")
    result = subprocess.run([sys.executable, "-c", PROGRAM, tool], capture_output=True, text=True, check=True)
    assert set(HEAVY) & set(result.stdout.split()) == {"rich"}
