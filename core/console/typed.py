"""The command as it was typed, for hints that a person can copy."""

import shlex
import shutil
import sys
from collections.abc import Mapping
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


def again(arguments: list[str], flag: str, without: Mapping[str, int]) -> str:
    """The same command with `flag`, for one that goes on.

    without: options that are left out now, and how many values each of them takes. They may have been shortened, as
    argparse allows it.
    """
    left_out, kept, words = {**without, flag: 0}, [], iter(arguments)
    for word in words:
        name, equals, _ = word.partition("=")
        option = next((each for each in left_out if name.startswith("--") and each.startswith(name)), None)
        if option is None:
            kept.append(word)
        elif not equals:
            for _ in range(left_out[option]):
                next(words, None)
    return f"{program()} {shlex.join([*kept, flag])}"
