"""What somebody who watches sees, and how much longer it says it takes."""

import io
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console

from tandemclip.core.comparison.board import Board
from tandemclip.core.comparison.cells import Cell, Plan
from tandemclip.core.training.progress import Progress


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def cells():
    return [Cell(Plan(Path("out")), Path(f"{name}.yaml"), seed) for seed in (0, 1) for name in ("quick", "slow")]


def board(cells, terminal):
    output, clock = io.StringIO(), Clock()
    console = Console(file=output, force_terminal=terminal, width=120, highlight=False)
    return Board(cells, ["digit"], console, clock), output, clock


def line(step, steps):
    """As tools/train.py prints it."""
    output = io.StringIO()
    progress = Progress(steps, step - 1, 1, Console(file=output, highlight=False, width=200))
    progress.update({"step": step, "loss": 2.0, "step_seconds": 1.0, "data_seconds": 0.5}, 8)
    return output.getvalue().strip()


def test_time_left(cells):
    watch, _, clock = board(cells, terminal=False)
    quick, slow, quick_again, slow_again = cells
    with watch:
        assert watch.left() is None
        watch.begin(quick)
        watch.show("torch: ready to train after 3 s")
        watch.show(line(1, 101))
        assert watch.left() is None
        clock.now = 10.0
        watch.show(line(11, 101))  # a step a second: 90 s, and three more runs like this
        assert watch.left() == timedelta(seconds=90 + 3 * 101)
        watch.finish(quick, [50.0], 100.0)
        assert watch.left() == timedelta(seconds=300)
        watch.begin(slow)
        watch.show(line(51, 101))  # gone on with
        clock.now = 20.0
        watch.show(line(52, 101))
        assert watch.left() == timedelta(seconds=490 + 100 + 1010)
        watch.fail(slow, "the disk is full")
        assert watch.left() == timedelta(seconds=200)
        for cell in (quick_again, slow_again):
            watch.finish(cell, [50.0], 100.0)
        assert watch.left() == timedelta(0)


def test_lines_where_there_is_no_terminal(cells):
    watch, output, _ = board(cells, terminal=False)
    with watch:
        watch.finish(cells[0], [12.34], 90.0)
        watch.begin(cells[1])
        watch.show(line(1, 10))
        watch.fail(cells[1], "the disk is full")
    assert output.getvalue().splitlines() == [
        "quick, seed 0: digit 12.34%  after 1.5 minutes",
        "slow, seed 0: starting",
        "slow, seed 0: failed: the disk is full",
    ]


def test_a_table_on_a_terminal(cells):
    watch, output, clock = board(cells, terminal=True)
    with watch:
        watch.finish(cells[0], [12.0], 90.0)
        watch.begin(cells[1])
        watch.show(line(1, 11))
        clock.now = 30.0
        watch.show(line(2, 11))
    rows = [row for row in output.getvalue().splitlines() if "│" in row]
    assert "quick" in rows[-4] and "12.00" in rows[-4] and "1.5 minutes" in rows[-4]
    assert "slow" in rows[-3] and "step 2/11  loss 2.0000" in rows[-3]
    assert "0:11:30 left" in output.getvalue()  # 270 s, 90 s like the first, 330 s like this


def test_a_metric_without_a_figure(cells):
    watch, output, _ = board(cells, terminal=False)
    with watch:
        watch.finish(cells[0], [float("nan")], 100.0)
    assert "digit no figure" in output.getvalue() and "nan" not in output.getvalue()
