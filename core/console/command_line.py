"""What every tool does with its command line: one way to fail, one way to override a configuration.

A tool imports at its top what its parser needs, and within its functions what they need: `--help` waits for nothing.
Loading workers gain too, as they import the module that was started as a program.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
import traceback
from collections.abc import Callable
from inspect import getdoc
from pathlib import Path

import tandemclip
from tandemclip.core.config import shipped, yaml_text
from tandemclip.core.console import typed
from tandemclip.core.console.output import ReaderGone, outlasting
from tandemclip.core.errors import UserError

DEBUG = "--debug"
SMALLER = (
    "take a smaller batch, cut it into more pieces (training.accumulate), or look for a size with a digit too many"
)
# What engines say of it, in a RuntimeError: torch "CUDA out of memory", "can't allocate memory" and, on Windows, "not
# enough memory"; MindSpore "Allocate memory failed".
OUT_OF_MEMORY = re.compile("out of memory|allocate memory|not enough memory", re.IGNORECASE)


class Parser(argparse.ArgumentParser):
    """argparse's, with the description's own line breaks; a wrong command line is a UserError.

    It is called what was typed, so that a hint can be copied: "tandemclip train", "python tools/train.py".
    """

    def __init__(self, **given):
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(**{"prog": typed.program(), "formatter_class": formatter, **given})
        self.add_argument("--version", action=_Version, nargs=0, help="say which TandemCLIP this is, and end")
        # `run` takes it out: it holds for what is raised before anything is parsed, too
        self.add_argument(DEBUG, action="store_true", default=argparse.SUPPRESS, help="errors with their traceback")

    def add_config(self, name: str = "--config", **given) -> None:
        """One or several YAML files, or names of those that ship."""
        help = "a YAML file, or the name of one that ships (tandemclip list configs)"
        self.add_argument(name, **{"type": shipped.config, "metavar": "FILE|NAME", "help": help, **given})

    def add_set(self, of: str = "the config") -> None:
        self.add_argument(
            "--set", nargs="+", action="extend", default=[], metavar="A.B=C", help=f"override keys of {of}"
        )

    def add_backend(self, default: str | None) -> None:
        """default: the engine that is installed; None: there is none."""
        self.add_argument(
            "--backend",
            default=default,
            metavar="NAME",
            help=f"torch or mindspore (default: {default or 'the one that is installed'})",
        )
        self.add_argument(
            "--device", metavar="NAME", help="cpu, cuda, cuda:1, npu ... (default: what the engine takes by itself)"
        )

    def error(self, message):
        raise UserError(f"{message}; {self.prog} --help says what it takes")


def add_command(commands, name: str, run: Callable, help: str) -> Parser:
    """The parser of a sub-command, among `commands` (add_subparsers); `run` gets its arguments, and describes it."""
    command = commands.add_parser(name, help=help, description=getdoc(run))
    command.set_defaults(run=run)
    return command


class _Version(argparse.Action):
    """Prints the version and ends."""

    def __call__(self, parser, *_):
        print("TandemCLIP", tandemclip.__version__)
        parser.exit()


def path(text: str) -> Path:
    """An argument's type: a file or folder. An empty one, as of a variable that is not set, would be the current
    folder.
    """
    if not text:
        raise argparse.ArgumentTypeError("it is empty; give a name, and look whether a variable in it is set")
    return Path(os.path.expanduser(text))  # which a shell leaves where it is quoted, or stands behind --out=


def at_least(least: int) -> Callable[[str], int]:
    """An argument's type: a whole number, `least` or more."""

    def integer(text: str) -> int:
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"{text} is less than {least}")
        return int(text)

    return integer


def positive(text: str) -> float:
    """An argument's type: a number above 0 and finite."""
    if not 0 < float(text) < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no number above 0")
    return float(text)


def run(main: Callable[[list[str]], int | None], argv: list[str] | None = None, goes_on: bool = False) -> int:
    """Call main(arguments) and return the exit code: its own (None is 0), 2 after a UserError, 130 after Ctrl-C, 141
    where the reader of the output has ended (`| head`), as for any program that a SIGPIPE ends.

    goes_on: the work is not what is printed, and goes on without a reader. A UserError is a line on stderr, or one for
    each mistake, and so is a lack of memory. `--debug`, accepted by every tool and taken out before `main` sees it,
    adds the traceback. Anything else is a defect and keeps its traceback.
    """
    try:
        with outlasting(goes_on):
            return _coded(main, list(sys.argv[1:] if argv is None else argv))
    except ReaderGone:
        return 141


def _coded(main, arguments: list[str]) -> int:
    debug = DEBUG in arguments
    try:
        return main([argument for argument in arguments if argument != DEBUG]) or 0
    except UserError as error:
        if debug:
            traceback.print_exc()
        for line in error.lines:
            print("error:", line, file=sys.stderr)
        return 2
    except (MemoryError, RuntimeError) as error:
        if not _lacks_memory(error):
            raise
        if debug:
            traceback.print_exc()
        said = str(error).partition("\n")[0]  # MindSpore's own places follow
        print(f"error: there is not enough memory{said and f' ({said})'}; {SMALLER}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _lacks_memory(error: MemoryError | RuntimeError) -> bool:
    return isinstance(error, MemoryError) or OUT_OF_MEMORY.search(str(error)) is not None


def add_trust(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--trust", action="store_true", help="import classes from elsewhere that the checkpoint names: runs their code"
    )


def parse_overrides(overrides: list[str], like: str = "training.steps=200") -> dict:
    """["a.b=1", "a.c=[x, y]"] -> {"a": {"b": 1, "c": ["x", "y"]}}; values are YAML, the last of a key holds.

    like: one that is right, for the UserError about one that is none.
    """
    nested: dict = {}
    for override in overrides:
        key, equals, text = override.partition("=")
        path = key.split(".")
        if not equals or not all(path):
            raise UserError(f"the override {override!r} is not of the form a.b=value: write it like {like}")
        node = nested
        for name in path[:-1]:
            node = node.setdefault(name, {})
            if not isinstance(node, dict):
                raise UserError(f"the override {override!r} goes inside a key that another one sets: keep one of them")
        if isinstance(node.get(path[-1]), dict):
            raise UserError(f"the override {override!r} sets a key that another one goes inside: keep one")
        node[path[-1]] = _value(override, text)
    return nested


def parse_typed(words: list[str]) -> dict:
    """["class_folder", "path=photos"] -> {"type": "class_folder", "path": "photos"}, as an option of a tool has it."""
    keys = [word.partition("=")[0] for word in words[1:]]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise UserError(f"{words[0]} is given {twice[0]}= twice: keep one of them")
    return {"type": words[0], **parse_overrides(words[1:], like="path=photos")}


def _value(override: str, text: str):
    value = yaml_text.parse(text, f"the value of the override {override!r}")
    return yaml_text.Whole(value) if isinstance(value, dict) else value  # a.b={...} says all that a.b is to hold
