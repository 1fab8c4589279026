"""A reporter that fails stops nothing; what it lacks is counted and said."""

import threading

from tandemclip.core.training.journal import Journal, read
from tandemclip.core.training.reporting.follower import Behind, Follower
from tandemclip.core.training.reporting.reporter import Begun


class Taking:
    """Remembers what it got; every `bad`-th row is refused."""

    name = "taking"
    bad = 0

    def __init__(self, begun):
        self.rows = self.made.append([]) or self.made[-1]

    def add(self, step, scalars):
        if self.bad and step % self.bad == 0:
            raise ConnectionError("no route\nto host")
        self.rows.append((step, scalars))

    def close(self):
        self.rows.append("closed")


def taking(**more):
    return type("Taking", (Taking,), {"made": [], **more})


def follow(kind, reporter, tmp_path, steps):
    said = []
    follower = kind(reporter, Begun(tmp_path, {}), said.append)
    for step in range(1, steps + 1):
        follower.add(step, {"loss": float(step)})
    follower.close()
    return said


def test_all_rows_come_in_their_order(tmp_path):
    for kind in (Follower, Behind):
        reporter = taking()
        assert follow(kind, reporter, tmp_path, 50) == []
        assert reporter.made == [[*((step, {"loss": float(step)}) for step in range(1, 51)), "closed"]]


def test_rows_that_are_refused_are_counted_and_others_come(tmp_path):
    for kind in (Follower, Behind):
        reporter = taking(bad=3)
        assert follow(kind, reporter, tmp_path, 10) == [
            "taking did not take the row of step 3 (ConnectionError: no route to host); training goes on, and such "
            "rows are counted",
            "taking lacks 3 of 10 reports; journal.jsonl has them all",
        ]
        assert [row[0] for row in reporter.made[0]][:-1] == [1, 2, 4, 5, 7, 8, 10]


def test_one_that_cannot_start_or_close_is_said(tmp_path):
    def fails(*_):
        raise OSError("offline")

    for kind in (Follower, Behind):
        assert follow(kind, taking(__init__=fails), tmp_path, 2) == [
            "taking cannot be started (OSError: offline); training goes on without it",
            "taking lacks 2 of 2 reports; journal.jsonl has them all",
        ]
        assert follow(kind, taking(close=fails), tmp_path, 2) == ["taking did not close (OSError: offline)"]


def test_a_network_that_hangs_holds_up_no_step_and_the_end_only_so_long(tmp_path):
    released, said = threading.Event(), []
    hangs = taking(add=lambda self, step, scalars: step < 3 or released.wait())
    follower = Behind(hangs, Begun(tmp_path, {}), said.append, patience=0.5)
    for step in range(1, 8):
        follower.add(step, {})
    follower.close()
    assert said == ["taking has not taken 5 of 7 reports; journal.jsonl has them all"]
    released.set()


def test_a_journal_is_whole_whatever_follows_it(tmp_path, capsys):
    reporter = taking(bad=1)
    with Journal(tmp_path, None, {"a": (1, 2)}, (reporter,)) as journal:
        for step in (1, 2):
            journal.append({"step": step, "loss": 0.5})
        journal.amend({"step": 2, "evaluation": {"a": 1.0}})
    assert [row["step"] for row in read(tmp_path)] == [1, 2] and "evaluation" in read(tmp_path)[1]
    assert capsys.readouterr().err.splitlines()[-1] == "taking lacks 3 of 3 reports; journal.jsonl has them all"


def test_what_follows_gets_the_configuration_and_the_step(tmp_path):
    begun = []
    with Journal(tmp_path, 7, {"a": (1, 2)}, (taking(__init__=lambda self, given: begun.append(given)),)):
        pass
    assert begun == [Begun(tmp_path, {"a": [1, 2]}, 7)]
