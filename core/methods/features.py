"""What a loss is given: what the batch became, and how much of the run is over."""

from dataclasses import dataclass, field
from typing import NamedTuple

from tandemclip.core.ops import Array

CHOSEN = "chosen:"


class Elapsed(NamedTuple):
    """How much of a run is over, two numbers in [0, 1]: inputs of the program, so that one serves the whole run.

    step: of the steps, 0 at the first and 1 at the last. epoch: e / E, where e = step // steps_per_epoch epochs are
    over and the run has E = ceil(steps / steps_per_epoch).
    """

    step: Array
    epoch: Array


START = Elapsed(0.0, 0.0)


@dataclass
class Features:
    """What a batch became, in three kinds, and what the host chose.

    shared: arrays [B, ...] that the loss sees of everybody, over all ranks and pieces: [N, ...].
    own: (sum, count) of terms that each sample settles by itself, so that a mean is the mean over the global batch.
    local: arrays [B, ...] that never leave the rank: the loss sees this rank's samples alone, and its term is their sum
    over `count`.
    chosen: what `Method.choose` made of local arrays: of this rank's samples, or of everybody's (`Method.gathered`).

    rows: (start, stop) of the samples that this rank answers for, None for all of them. count: N, of everybody.
    Every term of a loss is this rank's part, and the parts of all ranks add up to the term: a contrastive term takes
    its own rows (`infonce(..., rows=...)`), a term of local arrays is a part by itself, any other goes through `part`.
    """

    shared: dict[str, Array] = field(default_factory=dict)
    own: dict[str, tuple[Array, Array]] = field(default_factory=dict)
    local: dict[str, Array] = field(default_factory=dict)
    chosen: dict[str, Array] = field(default_factory=dict)
    rows: tuple[int, int] | None = None
    count: int = 0

    def arrays(self) -> dict[str, Array]:
        """What `encode` gave under one name each: "shared:NAME", "sum:NAME", "count:NAME", "local:NAME"."""
        own = {f"{part}:{name}": x for name, pair in self.own.items() for part, x in zip(("sum", "count"), pair)}
        kinds = {"shared": self.shared, "local": self.local}
        return {f"{kind}:{name}": x for kind, arrays in kinds.items() for name, x in arrays.items()} | own

    @classmethod
    def of(cls, arrays: dict[str, Array], count: int, rows: tuple[int, int] | None = None) -> "Features":
        """From what `arrays` gave, and "chosen:NAME"."""
        parts = [name.split(":", 1) for name in arrays]
        kind = lambda wanted: {name: arrays[f"{wanted}:{name}"] for part, name in parts if part == wanted}
        own = {name: (arrays[f"sum:{name}"], arrays[f"count:{name}"]) for part, name in parts if part == "sum"}
        return cls(kind("shared"), own, kind("local"), kind("chosen"), rows, count)

    @property
    def ranks(self) -> int:
        """How many ranks the samples are divided among; each has as many, and they stand in the order of the ranks."""
        return 1 if self.rows is None else self.count // (self.rows[1] - self.rows[0])

    def groups(self, statistics: str) -> int:
        """In how many equal parts a head normalises everybody's rows: over the whole "batch", or by "rank"."""
        return self.ranks if statistics == "rank" else 1

    def part(self, term: Array) -> Array:
        """This rank's part of a term that every rank has whole."""
        if self.rows is None:
            return term
        return term * ((self.rows[1] - self.rows[0]) / self.count)
