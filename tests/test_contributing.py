"""The code blocks of CONTRIBUTING.md, as they stand there."""

import ast
import json
import os
import re
import subprocess
import sys

import numpy as np

KINDS = "layer objective tower view method source evaluation engine exporter".split()
# What each command prints, in the order in which they stand there.
PRINTED = (
    r"stopped at step 3 of 200;",  # the method, on torch
    r"stopped at step 6 of 200;",  # and on from there, on MindSpore
    r"stopped at step 3 of 200;",  # on two ranks, in two pieces
    # the source
    r"\ntop1: (9\d|100)\.\d\d% \(chance 10.*\ntop5: \d+\.\d\d% .*\nmean_per_class: (9\d|100)\.\d\d% .*\n",
    r"(?m)^word_order: \d+\.\d\d% \(chance 50\.00%, 40 queries, 95%: \d+\.\d\d to \d+\.\d\d\)$",
    r"stopped at step 3 of 200;",  # the engine
    r"^a batch of 1: \d\.\de-0[6-9] apart from the engine\na batch of 5: \d\.\de-0[6-9] apart from the engine\n$",
)


def test_every_how_to_runs(root, tmp_path):
    blocks = re.findall(r"```(\w+)\n(.*?)```", (root / "CONTRIBUTING.md").read_text(), re.S)
    assert [kind for kind, _ in blocks].count("python") == len(KINDS) and len(blocks) == 17
    for kind, block in blocks:
        if kind in ("python", "yaml"):
            (tmp_path / re.match(r"# (\S+)", block)[1]).write_text(block)
    for name in ("configs", "tools"):
        (tmp_path / name).symlink_to(root / name)
    commands = [line for kind, block in blocks if kind == "sh" for line in block.splitlines()]
    environment = os.environ | {"PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}
    for command, printed in zip(commands, PRINTED, strict=True):
        done = subprocess.run(command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert re.search(printed, done.stdout), f"{command}\n{done.stdout}{done.stderr}"
        if "my_digits" in command:
            assert "broken record digit 1626: its mean brightness is 0.181, below 0.2" in done.stderr
    _same_steps(tmp_path / "runs" / "mine", tmp_path / "runs" / "ranks")


def _same_steps(whole, parts):
    """Two ranks with two pieces each make the steps of one process."""
    rows = [[json.loads(line) for line in (run / "journal.jsonl").open()] for run in (whole, parts)]
    assert [len(each) for each in rows] == [6, 3]
    for a, b in zip(*rows):
        assert a["terms"].keys() == b["terms"].keys() == {"contrast", "colour"}
        numbers = lambda row: [row["loss"], *row["terms"].values(), row["gradient_norm"], row["update_norm"]]
        np.testing.assert_allclose(numbers(b), numbers(a), rtol=1e-5)


def test_each_kind_names_one_room_and_its_example(root):
    text = (root / "CONTRIBUTING.md").read_text()
    rows = re.findall(r"^\| an? ([\w ()]+) \| `(\S+/)`[^|]* \| \[(.*)\]\(#(\S+)\) \|$", text, re.M)
    assert [kind.split()[0] for kind, *_ in rows] == KINDS
    for kind, room, title, anchor in rows:
        section = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.S | re.M)[1]
        assert "```python" in section and f"`{room}`" in section, kind
        assert (root / room).is_dir() and anchor == title.lower().replace(" ", "-"), kind


def test_the_methods_that_show_mechanisms_are_there(root):
    table = re.search(r"\| mechanism \|.*?\n\n", (root / "CONTRIBUTING.md").read_text(), re.S)[0]
    shown = re.findall(r"\| `(\w+)`[^|\n]* \|$", table, re.M)
    tree = ast.parse((root / "tests" / "ranks" / "my_methods.py").read_text())
    assert set(shown) == {node.name for node in tree.body if isinstance(node, ast.ClassDef)} - {"Tokens"}
