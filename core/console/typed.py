"""The command as it was typed, for hints that a person can copy."""

import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path


def program() -> str:
    """What stood before the arguments, quoted: "tandemclip train", "python tools/train.py".

    A script that the shell found by itself goes by its name. The arguments are `sys.argv[1:]`.
    """
    words = sys.orig_argv[: len(sys.orig_argv) - len(sys.argv) + 1]
    script = sys.argv[0]
    if (
        script in words and Path(script).is_file() and not script.endswith(".py")
    ):  # of an environment's bin/: nobody typed its interpreter
        words = words[words.index(script) :]
        found = shutil.which(Path(script).name)
        if found is not None and Path(found).samefile(script):
            words[0] = Path(script).name
    return shlex.join(words)


def again(arguments: list[str], flag: str, without: Iterable[str] = ()) -> str:
    """The same command with `flag`, for one that goes on.

    without: options that took one value each and that are left out now. They may have been shortened, as argparse
    allows it.
    """
    kept, words = [], iter(arguments)
    for word in words:
        name, equals, _ = word.partition("=")
        if name.startswith("--") and any(option.startswith(name) for option in without):
            if not equals:
                next(words, None)
        elif word != flag:
            kept.append(word)
    return f"{program()} {shlex.join([*kept, flag])}"
