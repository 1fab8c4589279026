"""The script for owners of an Ascend, end to end on this machine."""

import os
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_a_quick_report(root, tmp_path):
    file = tmp_path / "report.md"
    command = [str(root / "tools" / "ascend_report.sh"), "--quick", str(file)]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHON": sys.executable}, capture_output=True, text=True
    )
    report = file.read_text()
    assert done.returncode == 0, report
    for title in ("System", "Doctor", "Parity, tiny_clip_vit", "Speed, tiny", "Result"):
        assert f"\n## {title}\n" in report
    assert "58 of 58 comparisons agree" in report and "### A training step" in report
    assert report.endswith("## Result\n\nEverything ran, and agrees.\n") and str(root) not in report


def test_what_fails_is_named_and_the_rest_goes_on(root, tmp_path):
    """No Python at all: every part is tried, and the exit code says so."""
    file = tmp_path / "ascend_report.md"
    command = [str(root / "tools" / "ascend_report.sh"), "--quick"]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHON": "/no/python"}, capture_output=True, text=True
    )
    report = file.read_text()
    assert done.returncode == 1 and "- failed: Doctor (127)\n- failed: Parity, tiny_clip_vit (127)\n" in report
    assert report.endswith("- failed: Speed, tiny (127)\n")
