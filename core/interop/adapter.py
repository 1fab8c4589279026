"""Foreign checkpoints under our names and back, by one table of rows, with account of every name.

A partial load is how a conversion goes wrong without a word. So every foreign name is consumed exactly once, every
parameter and buffer of ours is filled exactly once, and shapes are equal after the stated transpose. What only training
needs ("auxiliary.") may be left out of a table: foreign code that serves a model has none of it. What of theirs has no
place in ours stands in the table too, and is named where it is left behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tandemclip.core.errors import UserError
from tandemclip.core.methods.method import AUXILIARY
from tandemclip.core.spec import Spec

# torch's count of training passes, on which no number depends that a model gives, and what follows from a window's size
SKIPPED = {"num_batches_tracked", "relative_position_index", "attn_mask"}
# What files say beside their arrays (OpenAI's, once they are no longer scripted), and the field that each of them is.
NUMBERS = {
    "input_resolution": ("image", "resolution"),
    "context_length": ("text", "context_length"),
    "vocab_size": ("text", "vocab_size"),
}
SHOWN = 6


@dataclass(frozen=True)
class Row:
    """One array.

    ours: None: it is left behind. transposed: theirs is a raw matrix [in, out], used as x @ P; ours is a Linear's
    [out, in]. spans: of their rows (axis 0) those from each first number up to each second one; the others stand in
    another row of the table. None: all.
    """

    ours: str | None
    theirs: str
    transposed: bool = False
    spans: tuple[tuple[int, int], ...] | None = None

    def turned(self, array: np.ndarray) -> np.ndarray:
        """From their layout to ours; without spans as well from ours to theirs."""
        if self.spans is not None:
            array = np.concatenate([array[start:end] for start, end in self.spans])  # a copy, and the others views
        return array.T if self.transposed else array

    def __str__(self):
        return self.theirs if self.spans is None else f"{self.theirs} ({', '.join(_rows(*s) for s in self.spans)})"


def _rows(start: int, end: int) -> str:
    return f"row {start}" if end == start + 1 else f"rows {start} to {end - 1}"


def under(ours: str, theirs: str, rows: Iterable[Row]) -> list[Row]:
    """The rows of a part, in a whole that knows the part as `ours` and `theirs` ("": by no name of its own)."""
    join = lambda prefix, name: f"{prefix}.{name}" if prefix else name
    return [replace(row, ours=join(ours, row.ours), theirs=join(theirs, row.theirs)) for row in rows]


def without_numbers(foreign: dict[str, np.ndarray], mapping: dict) -> dict[str, np.ndarray]:
    """The arrays alone. mapping: the method as the shapes say it, like a configuration.

    Raises UserError where one of NUMBERS says something else.
    """
    for name in NUMBERS.keys() & foreign.keys():
        tower, field = NUMBERS[name]
        if foreign[name].size != 1 or foreign[name].item() != mapping[tower][field]:
            raise UserError(
                f"the file says that {name} is {foreign[name].tolist()}, and the shapes of its arrays say "
                f"{mapping[tower][field]}; give it as it was published"
            )
    return {name: array for name, array in foreign.items() if name not in NUMBERS}


def convert(foreign: dict[str, np.ndarray], table: Sequence[Row], spec: Spec) -> dict[str, np.ndarray]:
    """Foreign arrays by foreign name -> ours by our name, of the foreign dtype.

    Axes of length 1 may stand in front of theirs: a single number is stored as [1] or [], timm's positions as
    [1, N, D]. Raises UserError that names what is missing, left over, not floating-point, not finite or of another
    shape.
    """
    shapes = _shapes(table, spec)
    ours = {row.theirs: shapes[row.ours] for row in table if row.ours is not None and row.spans is None}
    alike = lambda name, array: name in ours and _without_ones(array.shape) == _without_ones(ours[name])
    foreign = {name: array.reshape(ours[name]) if alike(name, array) else array for name, array in foreign.items()}
    return _moved(foreign, table, shapes)


def left_behind(table: Sequence[Row]) -> list[str]:
    """What of theirs has no place in ours."""
    return [str(row) for row in table if row.ours is None]


def export(weights: dict[str, np.ndarray], table: Sequence[Row], spec: Spec) -> dict[str, np.ndarray]:
    """Our arrays by our name -> theirs by foreign name: `convert` the other way, by the same table, as strict.

    Raises ValueError of a table that cannot give every number of theirs.
    """
    if one_way := [str(row) for row in table if row.ours is None or row.spans is not None]:
        raise ValueError(f"the table leads one way: ours do not hold all of {_listed(one_way)}")
    shapes = _shapes(table, spec)
    back = [replace(row, ours=row.theirs, theirs=row.ours) for row in table]
    turned = {row.theirs: shapes[row.ours][::-1] if row.transposed else shapes[row.ours] for row in table}
    own = {row.ours for row in table}
    served = {name: array for name, array in weights.items() if name in own or not name.startswith(AUXILIARY)}
    return _moved(served, back, turned)


def _shapes(table, spec):
    """{our name: shape} of what the table moves; UserError where it does not cover the spec exactly."""
    shapes = {name: item.shape for name, item in spec.declared().items()}
    ours = Counter(row.ours for row in table if row.ours is not None)
    theirs = Counter(row.theirs for row in table if row.spans is None)
    theirs.update({row.theirs for row in table if row.spans is not None})
    twice = [name for names in (ours, theirs) for name, count in names.items() if count > 1]
    served = {name for name in shapes if not name.startswith(AUXILIARY)}
    unlike = sorted((served - ours.keys()) | (ours.keys() - shapes.keys()))
    if twice or unlike:
        raise UserError(
            f"the table of names and the architecture differ in {_listed(twice + unlike)}; expected a row for each "
            "parameter and buffer: convert to an architecture that the foreign code has"
        )
    return shapes


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape without the axes of length 1 in front."""
    return shape[next((i for i, size in enumerate(shape) if size != 1), len(shape)) :]


def _moved(source, table, shapes):
    """source {row.theirs: array} -> {row.ours: array}, where shapes {row.ours: shape} says what must come out."""
    expected = {row.theirs for row in table}
    present = [row for row in table if row.theirs in source]
    faults = {
        "missing": [row.theirs for row in table if row.theirs not in source],
        "not expected": [name for name in source if name not in expected and name.split(".")[-1] not in SKIPPED],
        "not floating-point": [row.theirs for row in present if source[row.theirs].dtype.kind != "f"],
        "with rows that the table has not once": [
            f"{name} {source[name].shape}"
            for name in dict.fromkeys(row.theirs for row in present if row.spans is not None)
            if not _once(table, name, source[name].shape)
        ],
        "of another shape": [
            f"{row.theirs} {source[row.theirs].shape} for {row.ours} {shapes[row.ours]}"
            for row in present
            if row.ours is not None and row.turned(source[row.theirs]).shape != shapes[row.ours]
        ],
    }
    if any(faults.values()):
        found = "; ".join(f"{what}: {_listed(names)}" for what, names in faults.items() if names)
        raise UserError(
            f"received {len(source)} arrays that do not fit the architecture ({found}); expected the {len(table)} of a "
            "whole model: choose the architecture and the family of names that the weights were written with"
        )
    if odd := [row.theirs for row in table if not np.isfinite(source[row.theirs]).all()]:
        raise UserError(
            f"{_listed(odd)}: of {len(table)} arrays {len(odd)} hold numbers that are not finite, as a training that "
            "failed leaves them; give an earlier checkpoint"
        )
    return {row.ours: row.turned(source[row.theirs]) for row in table if row.ours is not None}


def _once(table, name, shape):
    """Whether the spans of all rows with this name are, together, every row of an array of this shape."""
    spans = sorted(span for row in table if row.theirs == name for span in row.spans or ())
    return bool(shape) and [0, *(end for _, end in spans)] == [*(start for start, _ in spans), shape[0]]


def _listed(names):
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
