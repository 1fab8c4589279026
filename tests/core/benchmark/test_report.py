"""The two forms of a section, the machine's line, and whose turn it is."""

import io
import socket
from datetime import datetime

from rich.console import Console

from tandemclip.core.benchmark import machine
from tandemclip.core.benchmark.interleave import interleaved
from tandemclip.core.benchmark.report import Section, markdown

TABLE = Section("Speed", "Medians.", ("engine", "step"), (("torch", "3 ms"), ("other [x]", "4 ms")))


def test_markdown():
    text = markdown("Benchmark", ["a machine"], [TABLE, Section("Nothing", "left out: no reason.")])
    assert text == (
        "# Benchmark\n\na machine\n\n## Speed\n\n| engine | step |\n| --- | --- |\n| torch | 3 ms |\n| other [x] | 4 "
        "ms |\n\nMedians.\n\n## Nothing\n\nleft out: no reason.\n"
    )


def test_on_a_terminal():
    output = io.StringIO()
    console = Console(file=output, width=80)
    TABLE.show(console)
    Section("Nothing", "left out: no reason.").show(console)
    told = output.getvalue()
    assert "other [x]" in told and "Medians.\n" in told and told.endswith("Nothing: left out: no reason.\n\n")


def test_the_machine_without_its_name(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    told = machine.describe(["numpy", "no-such-package"], 1.25, datetime(2026, 3, 4))
    assert (
        "OMP_NUM_THREADS 7; 2026-03-04, load average 1.25 at the start" in told
        and "no-such-package not installed" in told
    )
    assert " GiB; Python 3." in told and "\n" not in told and socket.gethostname() not in told


def test_a_processor_without_a_name(tmp_path):
    (tmp_path / "x86").write_text("processor : 0\nmodel name\t: A: 9\nmodel name\t: B\n")
    (tmp_path / "arm").write_text("processor : 0\nBogoMIPS : 200\n")
    names = [machine._processor(tmp_path / name) for name in ("x86", "arm", "missing")]
    assert names[0] == "A: 9" and names[1] == names[2] and names[1]


def test_a_busy_machine_is_told():
    assert machine.warning(2.0, 4) is None
    assert "2.01 on 4 cores" in machine.warning(2.01, 4)


def test_turns_go_back_and_forth():
    order = []
    times = interleaved({name: lambda name=name: order.append(name) for name in "abc"}, 3, lambda: order.append("|"))
    assert "".join(order) == "abc|cba|abc|"
    assert {name: len(seconds) for name, seconds in times.items()} == {"a": 3, "b": 3, "c": 3}
