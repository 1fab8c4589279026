"""docs/troubleshooting.md: what it quotes is what the program says, and its options exist."""

import argparse
import ast
import re
from importlib import import_module

import pytest

TOOLS = ("bench", "compare", "convert", "detect", "doctor", "evaluate", "parity", "prepare", "summarize", "train")
HOLE = "\0"  # stands for what an f-string puts in


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs" / "troubleshooting.md").read_text()


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
