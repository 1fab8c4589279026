"""Seeded small edits of the product's own code: an operator, a number, a condition, a loop, a decorator.

What an edit can be is cosmic-ray's; which one is made where is drawn here: a file by its length, a place in it, one of
the edits that fit the place.
"""

import ast
import difflib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOMS = ("objectives", "layers", "towers", "methods", "training", "evaluation", "data", "concepts", "pictures")
ENGINES = "backends/*/engine.py"
# cosmic-ray's that need arguments, or that change nothing which is computed: names of variables, kinds of exceptions
LEFT_OUT = ("core/VariableReplacer", "core/VariableInserter", "core/ExceptionReplacer")


@dataclass(frozen=True)
class Mutant:
    """file: relative to the checkout. code: of the whole file, with the edit. was, becomes: the lines that differ."""

    file: str
    code: str
    was: str
    becomes: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.file, self.was, self.becomes


def files(root: Path) -> list[str]:
    found = [path for room in ROOMS for path in (root / "core" / room).rglob("*.py")] + [*root.glob(ENGINES)]
    return sorted(str(path.relative_to(root)) for path in found if path.stat().st_size)


def mutants(root: Path, seed: int, within: str = "") -> Iterator[Mutant]:
    """An endless row of edits, the same for the same seed and code. within: only files of that folder."""
    rng, names = random.Random(seed), [name for name in files(root) if name.startswith(within)]
    lengths = [len((root / name).read_text(encoding="utf-8").splitlines()) for name in names]
    while True:
        name = rng.choices(names, lengths)[0]
        source = (root / name).read_text(encoding="utf-8")
        edits = _edits(source)
        if edits:
            found = _mutant(name, source, *rng.choice(edits[rng.choice(sorted(edits))]))
            if found is not None:
                yield found


@cache
def _edits(source: str) -> dict[tuple[int, int], list[tuple[str, int]]]:
    """{(line, column): [(cosmic-ray's operator, its how many-th place in the file)]}"""
    from cosmic_ray import plugins  # here, so that what needs no edit needs no cosmic-ray
    from cosmic_ray.ast import ast_nodes, get_ast

    found: dict[tuple[int, int], list[tuple[str, int]]] = {}
    nodes = list(ast_nodes(get_ast(source)))
    for operator in plugins.operator_names():
        if operator in LEFT_OUT:
            continue
        made = plugins.get_operator(operator)()
        places = [place for node in nodes for place, _ in made.mutation_positions(node)]
        for occurrence, place in enumerate(places):
            found.setdefault(place, []).append((operator, occurrence))
    return found


def _mutant(name: str, source: str, operator: str, occurrence: int) -> Mutant | None:
    """None where it is no Python, or what runs is the same."""
    from cosmic_ray import plugins
    from cosmic_ray.mutating import mutate_code

    code = mutate_code(source, plugins.get_operator(operator)(), occurrence)
    try:
        if code is None or _running(code) == _running(source):
            return None
    except SyntaxError:
        return None
    lines = list(difflib.unified_diff(source.splitlines(), code.splitlines(), lineterm="", n=0))[2:]
    was, becomes = ("\n".join(line[1:].strip() for line in lines if line[0] == sign).strip() for sign in "-+")
    return Mutant(name, code, was, becomes)


def _running(source: str) -> str:
    """The code without what is not computed with: the types of arguments and results."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.returns = None
    return ast.dump(tree)
