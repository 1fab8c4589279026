"""Edits of configurations, tables, json and tar files: each is taken rightly, or refused in one sentence.

Two thousand by `make fuzz`; two hundred of them in every run of the tests. An edit is found again by its number alone.
"""

import random
import signal
import traceback
from contextlib import contextmanager

import pytest

from tandemclip.core.errors import UserError
from tandemclip.tests.fuzz.subjects import kinds

ALL, SOME, EACH = 2000, 200, 50
SECONDS = 30  # an edit takes a few hundredths; what takes so long hangs


class Hangs(BaseException):
    """Nothing that catches exceptions catches this."""


@contextmanager
def alarm():
    def ring(*_):
        raise Hangs

    signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)


def complaints(number, subjects, folder):
    """What is wrong with the product at this edit: [one text each]."""
    name, subject = list(subjects.items())[number % len(subjects)]
    folder.mkdir()
    try:
        with alarm():
            found = subject(random.Random(number), folder)
    except UserError as error:
        found = [] if error.lines and all(map(str.strip, error.lines)) else ["an error without words"]
    except Hangs:
        found = ["it hangs: " + "".join(traceback.format_exc())]
    except Exception:
        found = [traceback.format_exc()]
    return [f"edit {number}, {name}: {each}" for each in found]


CHUNKS = [
    pytest.param(first, marks=[] if first < SOME else pytest.mark.slow, id=str(first)) for first in range(0, ALL, EACH)
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("first", CHUNKS)
def test_no_edit_ends_in_a_traceback_or_pairs_wrongly(first, root, tmp_path):
    subjects = kinds(root)
    wrong = [
        each for number in range(first, first + EACH) for each in complaints(number, subjects, tmp_path / str(number))
    ]
    assert not wrong, f"{len(wrong)} of {EACH} edits\n" + "\n".join(wrong)
