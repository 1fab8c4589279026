"""A task in a process of its own, which is stopped between its calls.

Engines that are timed in one process slow each other down: torch's step took 1.9 times as long beside a MindSpore whose
threads were idle.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress

from tandemclip.core.errors import UserError


class OwnProcess:
    """A context manager whose process runs `make(*arguments)` -> (info, task). Calling it calls the task there.

    Arguments, info and results are pickled. Leaving the `with` block ends the process.
    Raises what the task raises, and UserError where the process has died.
    """

    def __init__(self, make: Callable, *arguments):
        self._made = (make, arguments)

    def __enter__(self) -> "OwnProcess":
        context = multiprocessing.get_context("spawn")
        self._end, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, *self._made), daemon=True)
        self._process.start()
        other.close()  # so that the other process's death ends what is read here
        try:
            self.info = self._receive()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        self._process.kill()  # the one signal that a stopped process receives
        self._process.join()
        self._end.close()

    def __call__(self):
        os.kill(self._process.pid, signal.SIGCONT)
        with suppress(OSError):  # it has died: _receive says so
            self._end.send(None)
        return self._receive()

    def _receive(self):
        try:
            error, result = self._end.recv()
        except (EOFError, OSError):
            self._process.join()
            raise UserError(
                f"a process that was timed has died with exit code {self._process.exitcode}; stop other programs and "
                "run it again"
            ) from None
        if error is not None:
            raise error
        os.kill(self._process.pid, signal.SIGSTOP)
        return result


def _serve(end, make, arguments) -> None:
    try:
        info, task = make(*arguments)
        end.send((None, info))
        while True:
            end.recv()
            end.send((None, task()))
    except EOFError:  # nobody asks any more
        pass
    except Exception as error:
        end.send((error, None))
