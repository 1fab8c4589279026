"""Shards into shards of the same names, one at a time, with something added to their samples.

A shard is written whole or not at all and then noted as done: a command that was killed goes on where it stood, and its
shards hold what those of an uninterrupted one hold, byte for byte.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tandemclip.core.console.progress import Progress
from tandemclip.core.data.sources.file_cache import stamp
from tandemclip.core.data.sources.kinds import ROIS, ending
from tandemclip.core.data.sources.shard_index import read_index
from tandemclip.core.data.sources.shard_keys import grouped
from tandemclip.core.data.sources.shard_paths import files
from tandemclip.core.data.sources.shard_writer import write_shard
from tandemclip.core.data.sources.tar_members import read_members
from tandemclip.core.data.texts import from_json
from tandemclip.core.errors import UserError
from tandemclip.core.preparation.ledger import Ledger, ledger_of_shards

Sample = tuple[str, dict[str, bytes]]  # key, {kind: contents}: member KEY.KIND of a tar file, e.g. 000001.json
Change = Callable[[Iterator[Sample], Counter], Iterable[Sample]]
LEDGER = "rewritten.jsonl"


def rewrite(patterns: list[str], out: Path, job: dict, change: Change) -> Counter:
    """Write change(samples, counts) of every shard to the folder `out`; returns the counts of all, "samples" among
    them.

    change: takes a shard's samples, gives those of the new one, and counts what it likes. job: what decides the result.
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
                counts = Counter()
                write_shard(out / shard.name, change(_counted(samples(shard), counts, progress), counts))
                ledger.add({"shard": shard.name, "counts": counts})
    counts = {piece["shard"]: Counter(piece["counts"]) for piece in ledger.done}
    return sum(counts.values(), Counter())


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
