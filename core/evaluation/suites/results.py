"""What was measured, on disk: each result by the key of its weights, data and protocol, whole or not there.

FOLDER/SET.PROTOCOL.KEY.safetensors           what the metrics are made of, image by image
FOLDER/SET.PROTOCOL.KEY.answers.safetensors   what the model answered
FOLDER/SET.PROTOCOL.KEY.json                  figures and texts, written last: with it the result is there
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy

from tandemclip.core import figures, statistics_file
from tandemclip.core.answers import Answers
from tandemclip.core.data.texts import from_json, in_words
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.suites.plan import Task
from tandemclip.core.statistic import Statistic
from tandemclip.core.whole_file import whole_file

FORMAT = 1
TOLD, STATISTICS, ANSWERS = ".json", ".safetensors", ".answers.safetensors"
PARTS = {"figures": dict, "answers": dict, "accounts": list}  # of what is told, those that a report reads
OF_FIGURES = {"chance": dict, "queries": dict, "interval": dict, "remarks": list}
ARRAYS = ("asked", "first", "right")


@dataclass(frozen=True)
class Result:
    """told: what figures.to_json gave, with "checkpoint", "set", "protocol", "seconds" and "accounts". statistics and
    answers: by metric.
    """

    told: dict
    statistics: dict[str, Statistic]
    answers: dict[str, Answers]

    @property
    def metrics(self) -> list[str]:
        """In the protocol's order."""
        return [name for name in self.told["figures"] if name in self.statistics]


@dataclass(frozen=True)
class Results:
    folder: Path

    def has(self, task: Task) -> bool:
        """Whether all three are there: to remove any of them is to ask that it be measured anew."""
        return all(self._path(task, suffix).exists() for suffix in (TOLD, STATISTICS, ANSWERS))

    def save(self, task: Task, found: dict[str, Statistic], seconds: float) -> None:
        answers = {name: each.answers for name, each in found.items() if each.answers is not None}
        statistics_file.save(self._path(task, STATISTICS), found)
        arrays = {f"{name}:{array}": getattr(each, array) for name, each in answers.items() for array in ARRAYS}
        with whole_file(self._path(task, ANSWERS)) as file:
            file.write(safetensors.numpy.save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))
        told = {
            "format": FORMAT,
            "checkpoint": task.candidate.name,
            "set": task.entry.set_name,
            "protocol": task.entry.label,
            "seconds": round(seconds, 3),
            "figures": figures.to_json(found),
            "accounts": [account.to_json() for account in task.entry.protocol.accounts()],
            "answers": {name: {"kind": each.kind, "texts": each.texts} for name, each in answers.items()},
        }
        with whole_file(self._path(task, TOLD)) as file:
            file.write(json.dumps(told, indent=1).encode() + b"\n")

    def load(self, task: Task) -> Result:
        told = _read(self._path(task, TOLD), _told)
        answers = _read(self._path(task, ANSWERS), lambda data: _answers(told["answers"], safetensors.numpy.load(data)))
        return Result(told, statistics_file.load(self._path(task, STATISTICS)), answers)

    def _path(self, task: Task, suffix: str) -> Path:
        name = re.sub(r"[^\w.-]+", "_", f"{task.entry.set_name}.{task.entry.label}")[:80]
        return self.folder / f"{name}.{task.key[:20]}{suffix}"


def _read(path: Path, made: Callable[[bytes], dict]) -> dict:
    try:
        return made(path.read_bytes())
    except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
        raise UserError(f"{path} cannot be read ({in_words(error)}); remove it, and it is measured anew") from error


def _told(data: bytes) -> dict:
    told = from_json(data)
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise ValueError(f"it is no result of format {FORMAT}")
    for where, parts in ((told, PARTS), (told.get("figures"), OF_FIGURES)):
        for name, kind in parts.items():
            if not isinstance(where.get(name), kind):
                raise ValueError(f"its {name!r} are missing, or damaged")
    return told


def _answers(told: dict, arrays: dict[str, np.ndarray]) -> dict[str, Answers]:
    return {
        name: Answers(each["kind"], tuple(each["texts"]), *(arrays[f"{name}:{array}"] for array in ARRAYS))
        for name, each in told.items()
    }
