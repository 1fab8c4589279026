"""What was measured, on disk: each result by the key of its weights, data and protocol, whole or not there.

FOLDER/SET.PROTOCOL.KEY.safetensors           what the metrics are made of, image by image
FOLDER/SET.PROTOCOL.KEY.answers.safetensors   what the model answered
FOLDER/SET.PROTOCOL.KEY.json                  figures and texts, written last: with it the result is there
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy

from tandemclip.core import figures, statistics_file
from tandemclip.core.answers import Answers
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.suites.plan import Task
from tandemclip.core.statistic import Statistic
from tandemclip.core.whole_file import whole_file

FORMAT = 1
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
        return self._path(task, ".json").exists()

    def save(self, task: Task, found: dict[str, Statistic], seconds: float) -> None:
        answers = {name: each.answers for name, each in found.items() if each.answers is not None}
        statistics_file.save(self._path(task, ".safetensors"), found)
        arrays = {f"{name}:{array}": getattr(each, array) for name, each in answers.items() for array in ARRAYS}
        with whole_file(self._path(task, ".answers.safetensors")) as file:
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
        with whole_file(self._path(task, ".json")) as file:
            file.write(json.dumps(told, indent=1).encode() + b"\n")

    def load(self, task: Task) -> Result:
        path = self._path(task, ".json")
        try:
            told = json.loads(path.read_bytes())
            arrays = safetensors.numpy.load(self._path(task, ".answers.safetensors").read_bytes())
            answers = {
                name: Answers(each["kind"], tuple(each["texts"]), *(arrays[f"{name}:{array}"] for array in ARRAYS))
                for name, each in told["answers"].items()
            }
        except (OSError, ValueError, KeyError, safetensors.SafetensorError) as error:
            raise UserError(f"{path} cannot be read ({error}); remove it, and it is measured anew") from error
        return Result(told, statistics_file.load(self._path(task, ".safetensors")), answers)

    def _path(self, task: Task, suffix: str) -> Path:
        name = re.sub(r"[^\w.-]+", "_", f"{task.entry.set_name}.{task.entry.label}")[:80]
        return self.folder / f"{name}.{task.key[:20]}{suffix}"
