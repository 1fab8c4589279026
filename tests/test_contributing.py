"""The code blocks of CONTRIBUTING.md, as they stand there."""

import os
import re
import subprocess
import sys


def test_every_how_to_runs(root, tmp_path):
    text = (root / "CONTRIBUTING.md").read_text()
    blocks = re.findall(r"```(\w+)\n(.*?)```", text, re.S)
    for kind, block in blocks:
        if kind in ("python", "yaml"):
            (tmp_path / re.match(r"# (\S+)", block)[1]).write_text(block)
    for name in ("configs", "tools"):
        (tmp_path / name).symlink_to(root / name)
    commands = [line for kind, block in blocks if kind == "sh" for line in block.splitlines()]
    assert len(commands) == 4 and len(blocks) == 10
    environment = os.environ | {"PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}
    for command in commands:
        done = subprocess.run(command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert ("word_order: " if "evaluate.py" in command else "stopped at step") in done.stdout
