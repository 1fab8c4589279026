"""How tools fail, and how a configuration is overridden."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tandemclip.core.console import command_line
from tandemclip.core.errors import UserError


def fail(arguments):
    raise UserError("got 3 rows, expected 4: add\none")


def test_user_error_is_one_line_and_2(capsys):
    assert command_line.run(fail, []) == 2
    captured = capsys.readouterr()
    assert captured.err == "error: got 3 rows, expected 4: add one\n" and captured.out == ""


def test_letters_that_the_output_cannot_take_are_escaped():
    code = (
        "import sys; from tandemclip.core.console.command_line import run; sys.exit(run(lambda _: print('b\\xfccher')))"
    )
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "b\\xfccher\n", "")


def test_debug_adds_the_traceback(capsys):
    assert command_line.run(fail, ["--debug"]) == 2
    error = capsys.readouterr().err
    assert "Traceback" in error and "in fail" in error and error.endswith("error: got 3 rows, expected 4: add one\n")


def test_defects_keep_their_traceback():
    def broken(arguments):
        raise KeyError("x")

    with pytest.raises(KeyError):
        command_line.run(broken, [])


def test_a_lack_of_memory_is_a_line(capsys):
    """As of a resolution with digits too many: numpy refuses it before anything is taken."""

    def large(arguments):
        np.zeros((1 << 20, 1 << 20, 1 << 10))

    assert command_line.run(large, []) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: there is not enough memory (Unable to allocate") and error.count("\n") == 1
    assert command_line.run(large, ["--debug"]) == 2 and "Traceback" in capsys.readouterr().err


def test_so_is_one_of_an_engine(capsys):
    torch = pytest.importorskip("torch")

    assert command_line.run(lambda arguments: torch.empty(1 << 60, dtype=torch.uint8), []) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: there is not enough memory (") and error.count("\n") == 1


@pytest.mark.parametrize("error, said", [
    (MemoryError(), ""),
    (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB."), " (CUDA out of memory. Tried to allocate 2 GiB.)"),
    (RuntimeError("Allocate memory failed\n\n----\n- C++ Call Stack"), " (Allocate memory failed)"),
])  # fmt: skip
def test_a_lack_of_memory_is_told_in_its_first_line(capsys, error, said):
    def fails(arguments):
        raise error

    assert command_line.run(fails, []) == 2
    assert capsys.readouterr().err.startswith(f"error: there is not enough memory{said}; take a smaller batch")


def test_another_error_of_an_engine_keeps_its_traceback():
    def fails(arguments):
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        command_line.run(fails, [])


def test_interruption_is_130(capsys):
    def interrupted(arguments):
        raise KeyboardInterrupt

    assert command_line.run(interrupted, []) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("returned, code", [(None, 0), (0, 0), (3, 3)])
def test_exit_code_of_the_tool(returned, code):
    assert command_line.run(lambda arguments: returned, []) == code


def test_arguments_reach_the_tool_without_debug():
    seen = []
    command_line.run(seen.extend, ["--out", "runs/a", "--debug", "--resume"])
    assert seen == ["--out", "runs/a", "--resume"]


def test_as_a_program():
    code = (
        "import argparse, sys; from tandemclip.core.console.command_line import run\n"
        "def main(arguments):\n"
        "    parser = argparse.ArgumentParser(); parser.add_argument('--steps', type=int)\n"
        "    print(parser.parse_args(arguments).steps)\n"
        "sys.exit(run(main))"
    )
    for arguments, expected, output in ((["--steps", "3", "--debug"], 0, "3\n"), (["--stops", "3"], 2, "")):
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (expected, output)


@pytest.mark.parametrize(
    "overrides, expected",
    [
        ([], {}),
        (["a=1"], {"a": 1}),
        (["a.b.c=x", "a.b.d=[1, two]", "e=true"], {"a": {"b": {"c": "x", "d": [1, "two"]}}, "e": True}),
        (["rate=1e-3", "floor=2.5E-6", "other=1.5"], {"rate": 1e-3, "floor": 2.5e-6, "other": 1.5}),
        (["rates=[1e-3, 1e3]", "version='1e3'"], {"rates": [1e-3, 1e3], "version": "1e3"}),
        (["name=e3", "tag=1e"], {"name": "e3", "tag": "1e"}),
        (["a=", "b=null", "c=''"], {"a": None, "b": None, "c": ""}),
        (["a=x=y"], {"a": "x=y"}),
        (["a=1", "a=2"], {"a": 2}),
        (["a={b: 1}", "a.c=2"], {"a": {"b": 1, "c": 2}}),
    ],
)
def test_overrides(overrides, expected):
    found = command_line.parse_overrides(overrides)
    assert found == expected and repr(found) == repr(expected)  # 1 == True, their reprs differ


@pytest.mark.parametrize(
    "overrides", [["a"], ["=1"], ["a..b=1"], [".a=1"], ["a.=1"], ["a=1", "a.b=2"], ["a.b=2", "a=1"], ["a=[1"]]
)
def test_overrides_that_cannot_be(overrides):
    with pytest.raises(UserError, match="override"):
        command_line.parse_overrides(overrides)


def test_a_source_of_an_option_is_its_type_and_its_fields():
    assert command_line.parse_typed(["shards", "paths=a.tar", "a.b=1"]) == {
        "type": "shards", "paths": "a.tar", "a": {"b": 1},
    }  # fmt: skip
    with pytest.raises(
        UserError, match="the override 'photos' is not of the form a.b=value: write it like path=photos"
    ):
        command_line.parse_typed(["class_folder", "photos"])
    with pytest.raises(UserError, match="class_folder is given path= twice: keep one of them"):
        command_line.parse_typed(["class_folder", "path=a", "path=b"])


# ------------------------------------------------------------------ arguments
def arguments(*given):
    parser = command_line.Parser(description="One.\n\n    two")
    parser.add_argument("--steps", type=command_line.at_least(2))
    parser.add_argument("--minutes", type=command_line.positive)
    parser.add_argument("--out", type=command_line.path)
    return parser.parse_args(given)


def test_numbers_in_their_range_are_taken():
    assert arguments("--steps", "2", "--minutes", "0.5").steps == 2
    assert arguments("--steps", "12", "--minutes", "3").minutes == 3.0
    assert arguments("--out", "a/b").out == Path("a/b")
    assert arguments("--out=~/b").out == Path.home() / "b"


@pytest.mark.parametrize(
    "given, words",
    [
        (["--steps", "1"], "argument --steps: 1 is less than 2; "),
        (["--steps", "1.5"], "argument --steps: invalid integer value: '1.5'; "),
        (["--minutes", "-1"], "argument --minutes: -1 is no number above 0; "),
        (["--minutes", "0"], "argument --minutes: 0 is no number above 0; "),
        (["--minutes", "nan"], "argument --minutes: nan is no number above 0; "),
        (["--minutes", "inf"], "argument --minutes: inf is no number above 0; "),
        (["--minutes", "long"], "argument --minutes: invalid positive value: 'long'; "),
        (["--out", ""], "argument --out: it is empty; give a name, and look whether a variable in it is set; "),
        (["--hours", "1"], "unrecognized arguments: --hours 1; "),
    ],
)
def test_a_wrong_command_line_is_a_user_error(given, words):
    with pytest.raises(UserError) as caught:
        arguments(*given)
    assert words in str(caught.value) and str(caught.value).endswith(" --help says what it takes")


def test_help_keeps_the_lines_of_the_description(capsys):
    with pytest.raises(SystemExit) as end:
        arguments("--help")
    assert end.value.code == 0 and "One.\n\n    two\n" in capsys.readouterr().out
