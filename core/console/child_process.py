"""Another program, run and read line by line."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen]:
    """What it prints, errors included, is `stdout` of the process. Leaving the block ends it, asking once: a training
    writes a checkpoint then.

    In a session of its own: a terminal's Ctrl-C reaches this process alone.
    """
    program = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True
    )
    try:
        yield program
    finally:
        try:
            if program.poll() is None:
                program.terminate()
            program.communicate()
        finally:
            program.kill()  # a second Ctrl-C does not wait
