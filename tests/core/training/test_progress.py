"""What is shown, on a terminal and in a log."""

import io
import re

from rich.console import Console

from tandemclip.core.training.progress import Progress, figures


def shown(terminal, steps, start=0, every=10, first_seconds=0.5):
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=120, highlight=False, color_system=None)
    with Progress(steps, start, every, console=console) as progress:
        for step in range(start + 1, steps + 1):
            seconds = first_seconds if step == start + 1 else 0.5
            row = {"step": step, "loss": 4.0 / step, "step_seconds": seconds, "data_seconds": 0.1}
            progress.update(row, samples=64)
    meaning, *lines = out.getvalue().splitlines(keepends=True)
    assert "data is the share of the time that was spent waiting for data" in meaning
    return "".join(lines)


def test_log_has_a_line_every_n_steps_and_the_ends():
    lines = shown(terminal=False, steps=25).splitlines()
    assert [line.split("  ")[0] for line in lines] == ["step 1/25", "step 10/25", "step 20/25", "step 25/25"]
    assert lines[1] == "step 10/25  loss 0.4000  128 samples/s  data 20%  left 0:00:08"
    assert lines[-1].endswith("left 0:00:00")


def test_log_has_no_terminal_codes():
    assert "\x1b" not in shown(terminal=False, steps=3)


def test_resumed_run_counts_on():
    lines = shown(terminal=False, steps=220, start=200, every=10).splitlines()
    assert [line.split("  ")[0] for line in lines] == ["step 201/220", "step 210/220", "step 220/220"]
    assert "left 0:00:10" in lines[0]


def test_slow_first_step_leaves_the_average():
    """Compiling makes the first step slow; a rate over the whole run would carry it for ever."""
    assert "128 samples/s" in shown(terminal=False, steps=60, first_seconds=50.0).splitlines()[-1]


def test_terminal_shows_a_bar():
    text = shown(terminal=True, steps=25)
    assert "\x1b" in text
    assert re.search(r"━+.*step 25/25  loss 0\.1600  128 samples/s  data 20%  left 0:00:00", text)


def test_an_evaluation_is_shown_when_it_comes():
    out = io.StringIO()
    console = Console(file=out, width=80, highlight=False)
    with Progress(2, 0, 1, console) as progress:
        progress.say_evaluation({"step": 1, "evaluation": {"zero_shot/digit": 12.5, "i2t/R@1": 100.0}})
        progress.say_evaluation({"step": 2})
    assert out.getvalue().splitlines()[1:] == ["evaluation, step 1: zero_shot/digit 12.50%, i2t/R@1 100.00%"]


def test_what_means_nothing_has_no_percent():
    assert figures({"a": 12.345, "b": float("nan")}) == "a 12.35%, b no figure"
