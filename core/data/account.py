"""What a source has read and what it has passed over: nothing is left out without being counted and named.

A source counts in its own unit (rows of a table, files of a folder, members of tar files, images of a COCO file), and
has several accounts where it has several units. What was read is whole: read + passed over = all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from unicodedata import bidirectional, category

FIRST = 3  # names that are kept for each reason
# Signs that end a line, or move a terminal's cursor, by their category in Unicode, and that turn the direction of what
# follows, by their class there.
STEERING, TURNING = ("Cc", "Zl", "Zp"), ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")

Counts = dict[str, "Named"]  # by reason


@dataclass(frozen=True)
class Named:
    """How many, and what the first of them are called."""

    count: int
    first: tuple[str, ...]

    def __add__(self, other: Named) -> Named:
        return Named(self.count + other.count, (self.first + other.first)[:FIRST])

    def __str__(self) -> str:
        if not self.first:
            return f"{self.count:,}"
        more = ", ..." if self.count > len(self.first) else ""
        return f"{self.count:,}: {', '.join(self.first)}{more}"


@dataclass(frozen=True)
class Account:
    """of: what was looked through, e.g. "captions.csv". unit: what is counted, in the plural, e.g. "rows".

    passed_over: what was not read, by reason. remarks: what is odd about something that was read, by reason. ValueError
    where read + passed over is not all: a source that forgets something is wrong.
    """

    of: str
    unit: str
    all: int
    read: int
    passed_over: Counts = field(default_factory=dict)
    remarks: Counts = field(default_factory=dict)

    def __post_init__(self):
        if self.read + self.missing != self.all:
            raise ValueError(
                f"the account of {self.of} does not add up: {self.read} read and {self.missing} passed over of "
                f"{self.all} {self.unit}"
            )

    @property
    def missing(self) -> int:
        return sum(named.count for named in self.passed_over.values())

    def lines(self) -> Iterator[str]:
        """For people: one line of how many, then one for each reason."""
        how_many = f"all {self.all:,}" if self.read == self.all else f"{self.read:,} of {self.all:,}"
        yield f"{printable(self.of)}: {how_many} {self.unit} read"
        yield from (f"  passed over, {reason} ({named})" for reason, named in self.passed_over.items())
        yield from (f"  remarked, {reason} ({named})" for reason, named in self.remarks.items())

    def to_json(self) -> dict:
        """{"of", "unit", "all", "read", "passed_over": {reason: {"count", "first": [names]}}, "remarks": likewise}"""
        return {
            "of": self.of, "unit": self.unit, "all": self.all, "read": self.read,
            "passed_over": counts_to_json(self.passed_over), "remarks": counts_to_json(self.remarks),
        }  # fmt: skip

    @classmethod
    def from_json(cls, content: dict) -> Account:
        counts = {name: counts_from_json(content[name]) for name in ("passed_over", "remarks")}
        return cls(content["of"], content["unit"], content["all"], content["read"], **counts)


class Tally:
    """Counts by reason while a source looks through its data. Of each reason the first names are kept."""

    def __init__(self, counts: Counts | None = None):
        self.counts: Counts = dict(counts or {})

    def add(self, reason: str, name: str) -> None:
        """One more for this reason. name: of the thing, as people find it, and as it can be printed."""
        before = self.counts.get(reason)
        if before is not None and len(before.first) == FIRST:
            self.counts[reason] = Named(before.count + 1, before.first)
            return
        self.merge({reason: Named(1, (printable(name),))})

    def merge(self, counts: Counts) -> None:
        for reason, named in counts.items():
            self.counts[reason] = self.counts[reason] + named if reason in self.counts else named

    @property
    def total(self) -> int:
        return sum(named.count for named in self.counts.values())


def counts_to_json(counts: Counts) -> dict:
    return {reason: {"count": named.count, "first": list(named.first)} for reason, named in counts.items()}


def counts_from_json(content: dict) -> Counts:
    return {reason: Named(entry["count"], tuple(entry["first"])) for reason, entry in content.items()}


def lines_of(accounts: Iterable[Account], where: str = "") -> list[str]:
    """For people. where: stands before what was looked through, e.g. "data.train: "."""
    lines = [line for account in accounts for line in account.lines()]
    return [line if line.startswith(" ") else where + line for line in lines]


def printable(name: str) -> str:
    """Names of files need not be Unicode: what is not becomes a question mark. What would end the line or steer a
    terminal is shown as Python writes it: \\n, \\x1b."""
    name = name.encode("utf-8", "replace").decode()
    steers = lambda sign: category(sign) in STEERING or bidirectional(sign) in TURNING
    return "".join(repr(sign)[1:-1] if steers(sign) else sign for sign in name)
