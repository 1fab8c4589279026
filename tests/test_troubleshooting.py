"""docs/troubleshooting.md: its commands run, what it quotes is what the program says, and its options exist."""

import argparse
import ast
import os
import re
import subprocess
import sys
from importlib import import_module

import pytest

TOOLS = ("bench", "compare", "convert", "detect", "doctor", "evaluate", "parity", "prepare", "summarize", "train")
HOLE = "\0"  # stands for what an f-string puts in


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs" / "troubleshooting.md").read_text()


def test_its_commands_run_as_they_stand(root, page, tmp_path):
    (block,) = re.findall(r"```sh\n(.*?)```", page, re.S)
    for name in ("configs", "tools"):
        (tmp_path / name).symlink_to(root / name)
    environment = os.environ | {"PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-ec", block], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(block.splitlines()) == 4 and (tmp_path / "check").is_dir() and (tmp_path / "runs" / "look").is_dir()


def sentences(root):
    """Every text in the code, implicit concatenation joined."""
    for part in ("core", "tools", "backends", "downstream"):
        for path in (root / part).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value
                elif isinstance(node, ast.JoinedStr):
                    yield "".join(piece.value if isinstance(piece, ast.Constant) else HOLE for piece in node.values)


def quoted(page):
    """The quotations of the first column."""
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("|")]
    return [words for cell in cells for words in re.findall(r'"([^"]+)"', cell)]


def test_what_it_quotes_is_what_the_program_says(root, page):
    said = "\n".join(sentences(root))
    assert len(quoted(page)) > 30
    assert not [words for words in quoted(page) if words not in said]


def options(parser):
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from options(command)


def test_its_options_exist(page):
    known = {"--debug"} | {o for tool in TOOLS for o in options(import_module(f"tandemclip.tools.{tool}").parser())}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", re.sub(r'"[^"]*"', "", page)))
    assert len(named) > 8 and not named - known
