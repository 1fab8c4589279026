"""A recorded program as straight-line Python that MindSpore's documented `ast` mode compiles.

The mode does not parse specs (dataclasses, scopes), so the recorder runs the spec once and its calls are printed as
`v13_0 = linear(v12_0, i7, i8)` over the module-level functions of ops.py. The parser wants a source file and the module
in sys.modules.
"""

import atexit
import importlib.util
import itertools
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

from tandemclip.backends.recorder.ops import Program, Symbol

INFIX = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}
_numbers = itertools.count()


def source(program: Program, outputs: list[Symbol], first: list[str]) -> tuple[str, list[str]]:
    """The text of a module with one function `program`, and the names of its arguments in order.

    first: inputs that come first among the arguments (those to differentiate by). Constants come last, as arguments
    too: what a compiled function closes over is baked in.
    """
    names = first + [name for name in program.inputs if name not in first]
    arguments = [program.inputs[name].name for name in names] + list(program.constants)
    lines = [
        '"""Printed from a recorded program; made anew for every run."""',
        "from tandemclip.backends.mindspore.ops import *",
        "",
        f"def program({', '.join(arguments)}):",
        *(f"    {', '.join(o.name for o in call.outputs)} = {_expression(call)}" for call in program.calls),
        f"    return {', '.join(symbol.name for symbol in outputs)},",
    ]
    return "\n".join(lines) + "\n", names + list(program.constants)


def _expression(call):
    texts = [_text(argument) for argument in call.arguments]
    if call.function in INFIX:
        return f"{texts[0]} {INFIX[call.function]} {texts[1]}"
    if call.function == "negative":
        return f"-{texts[0]}"
    if call.function == "getitem":
        return f"{texts[0]}[{', '.join(_index(i) for i in call.arguments[1])}]"
    return f"{call.function}({', '.join(texts)})"


def _text(argument):
    if isinstance(argument, Symbol):
        return argument.name
    if isinstance(argument, (tuple, list)):
        return f"({''.join(_text(item) + ', ' for item in argument)})"
    if hasattr(argument, "item"):
        argument = argument.item()  # a numpy scalar as the number it is
    return repr(argument)


def _index(index):
    if isinstance(index, slice):
        start, stop = ("" if end is None else end for end in (index.start, index.stop))
        return f"{start}:{stop}" + ("" if index.step is None else f":{index.step}")
    return "..." if index is Ellipsis else str(index)


def load(text: str):
    """Import printed source; the file lives as long as the process."""
    name = f"tandemclip_program_{next(_numbers)}"
    path = _folder() / f"{name}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.program


@cache
def _folder() -> Path:
    path = Path(tempfile.mkdtemp(prefix="tandemclip_"))
    atexit.register(shutil.rmtree, path, True)
    return path
