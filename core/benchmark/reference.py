"""Our training end to end beside somebody else's script, in processes that take turns."""

import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tandemclip.core.benchmark.commands import output
from tandemclip.core.benchmark.interleave import interleaved
from tandemclip.core.benchmark.report import Section, ratio
from tandemclip.core.console.command_line import parse_overrides
from tandemclip.core.errors import UserError
from tandemclip.core.training import journal
from tandemclip.core.training.config import read

LEFT_OUT = Section(
    "Beside a reference",
    "left out: there is no script to stand beside (--reference SCRIPT, --reference-data FOLDER).",
)
NOTE = (
    "Image views a second on {views} views, reading and decoding included, {rounds} runs of each in alternation, both "
    "with the same OMP_NUM_THREADS; ratio: of the two in one round, median and extremes. Ours: the seconds of all "
    "steps in `journal.jsonl` (data, gradient, update) without the wait for the first batch, in which loading workers "
    "start; not in it: imports, building the model, one warming-up step, writing the journal. The reference: what its "
    "`views_per_second` says of its own loop."
)


@dataclass(frozen=True)
class Contest:
    """One tower. config: ours; overrides: `--set` of it."""

    tower: str
    config: Path
    overrides: tuple[str, ...]


def measure(
    contest: Contest, engine: str, script: Path, data: Path, views: int, rounds: int, done: Callable[[], None]
) -> dict[str, list[float]]:
    """Views a second of each in each round: {"reference": [...], "ours": [...]}."""
    found: dict[str, list[float]] = {"reference": [], "ours": []}
    tasks = {
        "reference": lambda: found["reference"].append(theirs(script, data, contest.tower, views)),
        "ours": lambda: found["ours"].append(ours(contest, engine, views)),
    }
    interleaved(tasks, rounds, done)
    return found


def theirs(script: Path, data: Path, tower: str, views: int) -> float:
    command = [sys.executable, str(script), "--data", str(data), "--tower", tower, "--views", str(views), "--no-eval"]
    lines = output(command)
    last = next((line for line in reversed(lines) if line.startswith("{")), lines[-1] if lines else "")
    try:
        return float(json.loads(last)["views_per_second"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{script.name} ended with {last!r}, expected a line of JSON with views_per_second; give a script that "
            "prints one"
        ) from error


def ours(contest: Contest, engine: str, views: int) -> float:
    each = read(contest.config, parse_overrides(list(contest.overrides)))[0].views_a_step
    if views < each:
        raise UserError(f"--views is {views} and a step of {contest.config.name} is {each}; give that many or more")
    where = ["--config", str(contest.config), "--backend", engine]
    given = [*contest.overrides, f"training.steps={views // each}", "training.epochs=null", "data.evaluate=null"]
    with tempfile.TemporaryDirectory(prefix="tandemclip_") as folder:
        output([sys.executable, "-m", "tandemclip.tools.train", *where, "--out", f"{folder}/run", "--set", *given])
        return rate(journal.read(Path(folder) / "run"), each)


def rate(rows: list[dict], views: int) -> float:
    """Views a second over a journal's steps of `views` each."""
    return views * len(rows) / (sum(row["step_seconds"] for row in rows) - rows[0]["data_seconds"])


def section(found: dict[str, dict[str, list[float]]], views: int) -> Section:
    """found: by tower."""
    rows = []
    for tower, rates in found.items():
        medians = [f"{statistics.median(values):.1f}" for values in (rates["reference"], rates["ours"])]
        rows.append((tower, *medians, ratio(rates["ours"], rates["reference"])))
    rounds = len(next(iter(found.values()))["ours"])
    return Section(
        LEFT_OUT.title, NOTE.format(views=views, rounds=rounds), ("tower", "reference", "ours", "ratio"), tuple(rows)
    )
