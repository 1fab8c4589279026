"""A suite from its first picture to its report, from wherever an earlier call of it was stopped."""

from __future__ import annotations

import time
from itertools import groupby
from pathlib import Path

from tandemclip.core.console.progress import Progress
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.suites.cache import EMBEDDING, Cache, cached, reading
from tandemclip.core.evaluation.suites.plan import Plan, Task
from tandemclip.core.evaluation.suites.results import Results
from tandemclip.core.figures import figure
from tandemclip.core.serving.model import Model, model_of
from tandemclip.core.statistic import Statistic
from tandemclip.core.training import checkpoint


def measure(plan: Plan, out: Path, engine_class, *, trust: bool = False, workers: int = 0) -> Results:
    """Measure what OUT/results lacks of the plan. Features are kept in OUT/features."""
    results, features = Results(out / "results"), out / "features"
    for folder in (out, results.folder, features):
        if folder.exists() and not folder.is_dir():
            raise UserError(f"{folder} is a file, and a suite needs a folder there; remove it, or give another --out")
    lacking = [task for task in plan.tasks if not results.has(task)]
    done = len(plan.tasks) - len(lacking)
    with Progress("pictures", max(1, _to_encode(lacking, features))) as progress:
        if done:
            progress.say(f"{done} of {len(plan.tasks)} results are there already")
        for candidate, tasks in groupby(lacking, lambda task: task.candidate):
            model = model_of(checkpoint.load(candidate.folder), engine_class, trust, workers)
            model = cached(model, Cache(features, candidate.weights, progress.advance))
            for task in tasks:
                start = time.monotonic()
                found = _measured(task, model)
                results.save(task, found, time.monotonic() - start)
                progress.say(f"{candidate.name}, {task.entry.set_name}, {task.entry.label}: {_short(found)}")
    return results


def _measured(task: Task, model: Model) -> dict[str, Statistic]:
    """What cannot be known before pictures are encoded is told with its place in the suite."""
    try:
        return task.entry.protocol.measure(model)
    except UserError as error:
        raise UserError(f"{task.candidate.name}, {task.entry.set_name}, {task.entry.label}: {error}") from error


def _short(found) -> str:
    return ", ".join(f"{name} {figure(each)}" for name, each in found.items())


def _to_encode(tasks: list[Task], features: Path) -> int:
    """Pictures that are not in the cache: those of a source count once for each checkpoint."""
    counts: dict[Path, int] = {}
    for task in tasks:
        cache = Cache(features, task.candidate.weights)
        for _, source in task.entry.protocol.asked():
            if isinstance(source, Source):
                counts[cache.features(source, reading(task.candidate.method, EMBEDDING))] = len(source)
    return sum(count for path, count in counts.items() if not path.exists())
