"""What follows a run's journal and shows it elsewhere: one interface for all of them."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from tandemclip.core.whole_file import whole_file


@dataclass(frozen=True)
class Begun:
    """run: the folder. config: the configuration as JSON has it. resume_step: None for a new run, else the step after
    which it goes on.
    """

    run: Path
    config: dict
    resume_step: int | None = None

    def identity(self, reporter: str, new: Callable[[], str]) -> str:
        """What this reporter calls the run, remembered in RUN/REPORTER.json: a run that goes on is the same there."""
        path = self.run / f"{reporter}.json"
        if self.resume_step is not None and path.exists():
            return json.loads(path.read_bytes())["id"]
        found = new()
        with whole_file(path) as file:
            file.write(json.dumps({"id": found}).encode() + b"\n")
        return found


class Reporter(Protocol):
    """Made from a Begun. Whatever it raises is counted and told by `Follower`, and stops nothing."""

    name: ClassVar[str]

    def __init__(self, begun: Begun): ...

    def add(self, step: int, scalars: dict[str, float]) -> None:
        """The numbers of one step, or more of them."""

    def close(self) -> None: ...


def scalars(row: Mapping) -> dict[str, float]:
    """Every number of a journal's row by its tag: {"terms": {"image": 1.0}} gives "terms/image".

    The journal's `logit_scale` is the logarithm that is learned. It becomes "logit_scale/log", and "logit_scale/exp"
    beside it is the factor that similarities are multiplied by, 1 / temperature.
    """
    found = dict(_numbers(row))
    if "logit_scale" in found:
        found["logit_scale/log"] = found.pop("logit_scale")
        found["logit_scale/exp"] = math.exp(found["logit_scale/log"])
    return found


def _numbers(row: Mapping, prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{name}/")
        elif not isinstance(value, str) and value is not None and f"{prefix}{name}" != "step":
            yield f"{prefix}{name}", float(value)
