"""A task in a process of its own, which stands still while it is not its turn.

Engines that are timed in one process slow each other down: torch's step took 1.9 times as long beside a MindSpore whose
threads were idle.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress

from tandemclip.core.errors import UserError


class Apart:
    """Calls of it are calls of the task that `make(*arguments)` -> (anything, task) has built over there.

    Both ends go through pickle. told: that anything. To be used in a `with` block, which ends the process.
    Raises what the task raises, and UserError where its process has died.
    """

    def __init__(self, make: Callable, *arguments):
        self._made = (make, arguments)

    def __enter__(self) -> "Apart":
        context = multiprocessing.get_context("spawn")
        self._end, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, *self._made), daemon=True)
        self._process.start()
        other.close()  # so that the other process's death ends what is read here
        try:
            self.told = self._receive()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        self._process.kill()  # the one signal that a process hears while it stands still
        self._process.join()
        self._end.close()

    def __call__(self):
        os.kill(self._process.pid, signal.SIGCONT)
        with suppress(OSError):  # it has died: told in a moment
            self._end.send(None)
        return self._receive()

    def _receive(self):
        try:
            error, result = self._end.recv()
        except (EOFError, OSError):
            self._process.join()
            raise UserError(
                f"a process that was timed has died with exit code {self._process.exitcode}; run less beside it"
            ) from None
        if error is not None:
            raise error
        os.kill(self._process.pid, signal.SIGSTOP)
        return result


def _serve(end, make, arguments) -> None:
    try:
        told, task = make(*arguments)
        end.send((None, told))
        while True:
            end.recv()
            end.send((None, task()))
    except EOFError:  # nobody asks any more
        pass
    except Exception as error:
        end.send((error, None))
