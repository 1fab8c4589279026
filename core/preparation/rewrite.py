"""Shards into shards of the same names, one at a time, with something added to their samples.

A shard is written whole or not at all and then noted as done: a command that was killed goes on where it stood, and its
shards hold what those of an uninterrupted one hold, byte for byte.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tandemclip.core.console.progress import Progress
from tandemclip.core.data.account import Account, Tally, counts_from_json, counts_to_json
from tandemclip.core.data.sources.file_cache import stamp
from tandemclip.core.data.sources.kinds import ROIS, ending
from tandemclip.core.data.sources.shard_index import NO_PICTURE, UNIT, read_account, read_index
from tandemclip.core.data.sources.shard_keys import NO_KIND, grouped
from tandemclip.core.data.sources.shard_paths import files
from tandemclip.core.data.sources.shard_writer import write_shard
from tandemclip.core.data.sources.tar_members import read_members
from tandemclip.core.data.texts import from_json
from tandemclip.core.errors import UserError
from tandemclip.core.preparation.ledger import Ledger, ledger_of_shards

Sample = tuple[str, dict[str, bytes]]  # key, {kind: contents}: member KEY.KIND of a tar file, e.g. 000001.json
LEDGER = "rewritten.jsonl"
COPIED = (NO_KIND, NO_PICTURE)  # members that training passes over, and a rewritten shard has all the same


@dataclass(frozen=True)
class Told:
    """What a change says of a shard's samples. counts: what it likes. passed_over, remarks: by reason, with their keys;
    what is passed over is copied as it is, and said once of a sample.
    """

    counts: Counter = field(default_factory=Counter)
    passed_over: Tally = field(default_factory=Tally)
    remarks: Tally = field(default_factory=Tally)

    def to_json(self) -> dict:
        tallies = {"passed_over": self.passed_over, "remarks": self.remarks}
        return {"counts": self.counts} | {name: counts_to_json(tally.counts) for name, tally in tallies.items()}

    def merge(self, content: dict) -> None:
        self.counts.update(content["counts"])
        self.passed_over.merge(counts_from_json(content.get("passed_over", {})))  # older ledgers have none
        self.remarks.merge(counts_from_json(content.get("remarks", {})))


Change = Callable[[Iterator[Sample], Told], Iterable[Sample]]


@dataclass(frozen=True)
class Rewritten:
    """counts: of all shards, "samples" among them. accounts: of members, then of samples."""

    counts: Counter
    accounts: tuple[Account, ...]


def rewrite(patterns: list[str], out: Path, job: dict, change: Change) -> Rewritten:
    """Write change(samples, told) of every shard to the folder `out`.

    change: takes a shard's samples, gives those of the new one, and tells what it did. job: what decides the result.
    Raises UserError for shards that cannot be read, and for an `out` that holds something else.
    """
    shards = [Path(path) for pattern in patterns for path in files(pattern)]
    ledger = _ledger(shards, out, {**job, "in": sorted({str(shard.parent.resolve()) for shard in shards})})
    done = {piece["shard"] for piece in ledger.done if (out / piece["shard"]).exists()}
    sizes = {shard: len(read_index(stamp(str(shard)))) for shard in shards}
    with Progress(
        "samples", sum(sizes.values()), sum(sizes[shard] for shard in shards if shard.name in done)
    ) as progress:
        for shard in shards:
            if shard.name not in done:
                told = Told()
                write_shard(out / shard.name, change(_counted(samples(shard), told.counts, progress), told))
                ledger.add({"shard": shard.name, **told.to_json()})
    together = Told()
    for piece in {piece["shard"]: piece for piece in ledger.done}.values():
        together.merge(piece)
    of = patterns[0] if len(patterns) == 1 else f"{len(shards)} shards"
    return Rewritten(together.counts, (_members(of, shards), _samples(together)))


def _members(of: str, shards: list[Path]) -> Account:
    """A rewritten shard has all members of keys, also those that training does not read."""
    count, lost, remarks = 0, Tally(), Tally()
    for shard in shards:
        found = read_account(stamp(str(shard)))
        count += found.all
        lost.merge({reason: named for reason, named in found.passed_over.items() if reason not in COPIED})
        remarks.merge(found.remarks)
    return Account(of, UNIT, count, count - lost.total, lost.counts, remarks.counts)


def _samples(told: Told) -> Account:
    count, passed = told.counts["samples"], told.passed_over
    return Account("described", "samples", count, count - passed.total, passed.counts, told.remarks.counts)


def samples(shard: Path) -> Iterator[Sample]:
    """All members of a tar file by their samples, what `shards` reads of them first. UserError where it is cut short.

    What is read has the plain ending of its kind: 17.input.PNG comes as ("17", {"png": ...}).
    """
    spans = read_members(str(shard)).spans
    groups = grouped(spans, str(shard))
    with open(shard, "rb") as file:
        for key in {**groups.records, **groups.others}:
            kinds = groups.records.get(key, {})
            names = {_ending(kind, name): name for kind, name in kinds.items()}
            names |= {name[len(key) + 1 :].lower(): name for name in groups.others.get(key, ())}
            yield key, {end: os.pread(file.fileno(), *reversed(spans[name])) for end, name in names.items()}


def _ending(kind: str, name: str) -> str:
    return {"image": ending(name), "rois": ROIS}.get(kind, kind)


def facts(contents: dict[str, bytes]) -> dict:
    """What a sample's json says, {} where it has none. ValueError where that cannot be read."""
    found = from_json(contents.get("json", b"{}"))
    if not isinstance(found, dict):
        raise ValueError(f"its json holds a {type(found).__name__}, expected an object")
    return found


def as_json(facts: dict) -> bytes:
    return json.dumps(facts, ensure_ascii=False).encode(
        "utf-8", "backslashreplace"
    )  # half a surrogate pair stays as it was


def _counted(samples: Iterator[Sample], counts: Counter, progress: Progress) -> Iterator[Sample]:
    for sample in samples:
        yield sample
        counts["samples"] += 1
        progress.advance()


def _ledger(shards: list[Path], out: Path, job: dict) -> Ledger:
    names = [shard.name for shard in shards]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"--in has several shards called {twice}; prepare one folder of shards at a time")
    if any(shard.parent.resolve() == out.resolve() for shard in shards):
        raise UserError(f"--out {out} is where the shards lie; choose another folder, as nothing is overwritten")
    try:
        return ledger_of_shards(out, LEDGER, job)
    except OSError as error:
        raise UserError(f"--out {out} cannot be written ({error.strerror}); choose another folder") from error
