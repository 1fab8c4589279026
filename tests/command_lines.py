"""A command of a page, held against the program that it calls, without running it."""

import ast
import configparser
import os
import re
import shlex
import subprocess
from importlib import import_module
from pathlib import Path

from torch.distributed.run import get_args_parser

from tandemclip.core.config.build import build
from tandemclip.core.console.command_line import parse_overrides
from tandemclip.core.data.sources.source import Source
from tandemclip.core.training.config import read

OTHERS = {"npm", "tar", "apt-get"}  # not ours to parse


def tool(call: list[str]) -> tuple[str, list[str]] | None:
    """("train", its arguments) of a call of one of our tools, by Python, a launcher of ranks or `tandemclip`."""
    if call[0] == "tandemclip":
        return call[1], call[2:]
    for at, word in enumerate(call):
        if found := re.fullmatch(r"tools/(\w+)\.py|tandemclip\.tools\.(\w+)", word):
            return found[1] or found[2], call[at + 1 :]
    return None


def check(root: Path, call: list[str]) -> None:
    """Raises where the program would refuse the arguments, or a config that is named is not there or has no such key.

    The current folder is a reader's: it has configs/ and what the page tells to write. Data need not be there.
    """
    program, arguments = call[0], call[1:]
    ours = tool(call)
    if program == "torchrun":  # msrun has no parser that one could ask
        assert get_args_parser().parse_args(arguments).training_script.startswith("tools/")
    if ours is not None:
        assert program == "tandemclip" or (root / "tools" / f"{ours[0]}.py").is_file()
        _check_tool(*ours)
    elif program == "make":
        _check_make(root, arguments)
    elif program == "pip":
        _check_pip(root, arguments)
    elif program == "ascend_report.sh":
        text = (root / "tools" / program).read_text()
        assert os.access(root / "tools" / program, os.X_OK) and all(f"[{option}]" in text for option in arguments)
    elif arguments[:1] == ["-c"]:
        ast.parse(arguments[1])
    else:
        assert program in OTHERS or (program == "python" and Path(arguments[0]).is_file()), call


def _check_tool(name: str, arguments: list[str]) -> None:
    given = vars(import_module(f"tandemclip.tools.{name}").parser().parse_args(arguments))
    overrides = parse_overrides(given.get("set") or [])
    for config in filter(None, [given.get("config"), *(given.get("configs") or [])]):
        if config.parts[0] == "configs" and config.suffix == ".yaml" and overrides:  # what a reader writes may import
            read(config, overrides)
    splits = [words[1:] for words in given.get("split") or []]
    for kind, *fields in filter(None, [given.get("source"), *splits]) if name == "prepare" else ():
        build(Source, {"type": kind, **parse_overrides(fields)})


def _check_make(root: Path, arguments: list[str]) -> None:
    """The target is there, and so is what it calls."""
    command = ["make", "-n", "-B", *arguments]  # only say it, and as if nothing had been made before
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0 and "Nothing to be done" not in done.stdout, done.stdout + done.stderr
    for line in done.stdout.splitlines():
        call = shlex.split(line)
        if tool(call) is not None:
            check(root, call)
        for path in re.findall(r"(?<= )(?:tests|tools)/\S+", line):
            assert (root / path).exists(), line


def _check_pip(root: Path, arguments: list[str]) -> None:
    """pip install -c FILE [-e] .[EXTRA,...]"""
    setup = configparser.ConfigParser()
    setup.read(root / "setup.cfg")
    extras = {extra for word in arguments for extra in ",".join(re.findall(r"^\.\[(.*)\]$", word)).split(",") if extra}
    assert arguments[0] == "install" and extras <= {*setup["options.extras_require"]}
    assert all((root / path).is_file() for path in arguments if path.endswith(".txt"))
