"""A task in another process: it runs in its turn only, and its end does not go unnoticed."""

import os
import time
from pathlib import Path

import pytest

from tandemclip.core.benchmark.own_process import OwnProcess
from tandemclip.core.errors import UserError


def counting(start):
    """Counts its calls, and in between, in a thread's stead, nothing."""
    calls = iter(range(start, start + 100))
    return f"from {start}", lambda: (os.getpid(), next(calls))


def refusing():
    return None, lambda: (_ for _ in ()).throw(UserError("no such thing"))


def dying():
    return None, lambda: os._exit(3)


def failing():
    raise ValueError("cannot be built")


def state(process):
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def test_calls_go_to_one_other_process_that_stands_still_between_them():
    with OwnProcess(counting, 5) as task:
        assert task.info == "from 5"
        (process, first), (same, second) = task(), task()
        assert process == same != os.getpid() and (first, second) == (5, 6)
        deadline = time.monotonic() + 10
        while state(process) != "T" and time.monotonic() < deadline:
            time.sleep(0.01)
        assert state(process) == "T"
    assert not Path(f"/proc/{process}").exists()


def test_what_goes_wrong_over_there_is_raised_here():
    with OwnProcess(refusing) as task, pytest.raises(UserError, match="no such thing"):
        task()
    with pytest.raises(ValueError, match="cannot be built"), OwnProcess(failing):
        pass
    with OwnProcess(dying) as task, pytest.raises(UserError, match="exit code 3"):
        task()
