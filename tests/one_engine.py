"""A program in a process where some packages are not installed."""

import subprocess
import sys

PROGRAM = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in {hidden!r} else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Without
{code}
"""


def run_without(hidden, code, **given):
    """Run Python code; -> the finished process with its stdout and stderr."""
    program = PROGRAM.format(hidden=tuple(hidden), code=code)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, **given)
