"""The checkpoints that a suite compares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tandemclip.core.config.build import build
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.suites import keys
from tandemclip.core.methods.method import Method
from tandemclip.core.training import checkpoint


@dataclass(frozen=True)
class Candidate:
    """A checkpoint by what is known of it without its weights.

    name: its run's, with the step where several checkpoints are of runs of one name. weights: its key, see
    `keys.of_weights`. class_names: what the classes that its method learned are called, () where nobody says.
    """

    name: str
    folder: Path
    step: int
    weights: str
    method: Method
    class_names: tuple[str, ...]


def candidates(paths: Sequence[Path], engine: str, trust: bool) -> list[Candidate]:
    """Each read and let go again. UserError where one cannot be read, and where two are the same."""
    found = [_candidate(path, engine, trust) for path in paths]
    for place, each in enumerate(found):
        for other in found[:place]:
            if other.weights == each.weights:
                raise UserError(f"{other.folder} and {each.folder} are the same weights; name each checkpoint once")
    named = Counter(each.name for each in found)
    found = [replace(each, name=f"{each.name}-{each.step}") if named[each.name] > 1 else each for each in found]
    named = Counter(each.name for each in found)
    return [replace(each, name=str(each.folder)) if named[each.name] > 1 else each for each in found]


def _candidate(path: Path, engine: str, trust: bool) -> Candidate:
    folder = checkpoint.resolve(path)
    saved = checkpoint.load(folder)
    method = build(Method, saved.state["config"]["method"], "method", trust, stored=True)
    names = tuple(saved.state.get("class_names") or ())
    return Candidate(_run(folder, saved.step), folder, saved.step, keys.of_weights(saved, engine), method, names)


def _run(folder: Path, step: int) -> str:
    """RUN of RUN/checkpoints/step-00000200; of a folder that lies elsewhere its own name."""
    folder = folder.resolve()
    run = folder.parent.parent
    return run.name if checkpoint.folder_of(run, step) == folder else folder.name
