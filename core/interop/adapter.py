"""Foreign checkpoints under our names and back, by one table of rows, with account of every name.

A partial load is how a conversion goes wrong without a word: every foreign name is consumed exactly once, every
parameter and buffer of ours is filled exactly once, and shapes are equal after the stated transpose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tandemclip.core.errors import UserError
from tandemclip.core.spec import Spec

SKIPPED = ("num_batches_tracked",)  # torch's count of training passes: no number of a model depends on it
SHOWN = 6


@dataclass(frozen=True)
class Row:
    """One array: our name and theirs. transposed: theirs is a raw matrix [in, out], used as x @ P; ours is [out, in]."""

    ours: str
    theirs: str
    transposed: bool = False

    def turned(self, array: np.ndarray) -> np.ndarray:
        """From their layout to ours, and from ours to theirs."""
        return array.T if self.transposed else array


def under(ours: str, theirs: str, rows: Iterable[Row]) -> list[Row]:
    """The rows of a part, inside a whole that calls the part `ours` and `theirs` ("": by no name of its own)."""
    join = lambda prefix, name: f"{prefix}.{name}" if prefix else name
    return [replace(row, ours=join(ours, row.ours), theirs=join(theirs, row.theirs)) for row in rows]


def convert(foreign: dict[str, np.ndarray], table: Sequence[Row], spec: Spec) -> dict[str, np.ndarray]:
    """Foreign arrays by foreign name -> ours by our name: views, in the foreign dtype.

    Raises UserError that names what is missing, left over, not floating-point or of another shape.
    """
    shapes = _account(table, spec)
    wanted = {row.theirs for row in table}
    names = [name for name in foreign if name.split(".")[-1] not in SKIPPED]
    present = [row for row in table if row.theirs in foreign]
    faults = {
        "missing": [row.theirs for row in table if row.theirs not in foreign],
        "not expected": [name for name in names if name not in wanted],
        "not floating-point": [row.theirs for row in present if foreign[row.theirs].dtype.kind != "f"],
        "of another shape": [
            f"{row.theirs} {list(foreign[row.theirs].shape)} instead of {list(row.turned(_empty(shapes[row.ours])).shape)}"
            for row in present
            if row.turned(foreign[row.theirs]).shape != shapes[row.ours]
        ],
    }
    if any(faults.values()):
        found = "; ".join(f"{what}: {_listed(which)}" for what, which in faults.items() if which)
        raise UserError(
            f"received {len(foreign)} arrays that do not fit the architecture exactly ({found}); expected the {len(table)} "
            "of a whole checkpoint: choose the architecture and the converter that the checkpoint was written by"
        )
    return {row.ours: row.turned(foreign[row.theirs]) for row in table}


def export(weights: dict[str, np.ndarray], table: Sequence[Row], spec: Spec) -> dict[str, np.ndarray]:
    """Our arrays by our name -> theirs by foreign name: `convert` the other way, by the same table."""
    return convert(weights, [replace(row, ours=row.theirs, theirs=row.ours) for row in table], _Foreign(spec, tuple(table)))


@dataclass(frozen=True)
class _Foreign(Spec):
    """What a foreign model declares, as far as a table and a spec of ours say it."""

    spec: Spec
    table: tuple[Row, ...]

    def all_parameters(self, prefix=""):
        declared = dict((*self.spec.all_parameters(), *self.spec.all_buffers()))
        return ((row.theirs, _empty(declared[row.ours].shape, row)) for row in self.table)
