"""Any source, or chosen records of it, as shards: one after another, each whole or not there."""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from tandemclip.core.console.progress import Progress
from tandemclip.core.data import images
from tandemclip.core.data.account import Account, Named, Tally, counts_from_json, counts_to_json
from tandemclip.core.data.records import BrokenRecord, Object, Record, reason_of
from tandemclip.core.data.sources.shard_writer import encode, write_shard
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError
from tandemclip.core.preparation.ledger import Ledger, ledger_of_shards
from tandemclip.core.preparation.threads import in_order
from tandemclip.core.whole_file import whole_file

LEDGER, REPORT, CLASSES = "shards.jsonl", "report.json", "classes.json"
QUALITY = 95  # of a JPEG that had to be made smaller
NOT_CHOSEN = "it is not among those that were asked for"
PROBED = 1000  # records whose texts tell a source from another one of the same name


def identity(source: Source, mapping: dict) -> dict:
    """What a ledger says of a source; `mapping` is what it was built from."""
    texts = hashlib.sha256("\0".join(source.texts(PROBED)).encode("utf-8", "surrogatepass"))
    return {"source": mapping, "records": len(source), "contents": texts.hexdigest()[:16]}


def open_ledger(out: Path, job: dict) -> Ledger:
    """job: {"per_shard": records in each, "short_side": pixels or None, ...}, with all else that decides the shards.

    Raises UserError where `out` holds other shards, or a file of somebody else's that would be replaced.
    """
    for name in (REPORT, CLASSES):
        if (out / name).exists() and not (out / LEDGER).exists():
            raise UserError(
                f"--out {out} holds a {name} that was not made by this command and would be replaced; choose another "
                "folder"
            )
    return ledger_of_shards(out, LEDGER, job)


def write_shards(
    source: Source, ledger: Ledger, chosen: Sequence[int] | None = None, left_out: Sequence[dict] = ()
) -> dict:
    """The records `chosen` (default: all), in that order, as OUT/000000.tar ...; returns what OUT/report.json then
    says.

    Shard k has the records from k * per_shard on, keyed by their place; broken ones are left out and named. Shards that
    the ledger has as finished are not written again, so that a kill loses and doubles nothing. left_out: broken records
    that were found before. Classes are numbered as in the source, and named by OUT/classes.json where it names them.
    """
    names = [names for names in source.class_spaces().values() if names]
    if len(names) > 1:
        raise UserError(
            f"the source has the classes of {len(names)} sources, whose numbers are the same; write each by itself"
        )
    chosen = range(len(source)) if chosen is None else chosen
    out, per_shard = ledger.path.parent, ledger.job["per_shard"]
    for of_classes in names:
        with whole_file(out / CLASSES) as file:
            file.write(json.dumps(of_classes, ensure_ascii=False, indent=0).encode() + b"\n")
    pieces = {piece["shard"]: piece for piece in ledger.done if _stands(out, piece)}
    with Progress(
        "records", len(chosen), sum(len(piece["broken"]) + piece["records"] for piece in pieces.values())
    ) as progress:
        for start in range(0, len(chosen), per_shard):
            name = f"{start // per_shard:06d}.tar"
            if name not in pieces:
                broken: list[dict] = []
                remarks = Tally()
                places = range(start, min(start + per_shard, len(chosen)))
                samples = _samples(source, chosen, places, ledger.job["short_side"], broken, remarks, progress)
                count = write_shard(out / name, samples)
                pieces[name] = {
                    "shard": name, "records": count, "bytes": (out / name).stat().st_size, "broken": broken,
                    "remarks": counts_to_json(remarks.counts),
                }  # fmt: skip
                ledger.add(pieces[name])
    done = [pieces[name] for name in sorted(pieces)]
    broken = [*left_out, *(entry for piece in done for entry in piece["broken"])]
    accounts = [*source.account(), _account(len(source), len(chosen) + len(left_out), done, broken)]
    return _report(out, ledger.job, done, broken, accounts)


def _account(count: int, looked_at: int, pieces: list[dict], broken: list[dict]) -> Account:
    """What decoding showed. count: of the source's records."""
    passed, remarks = Tally(), Tally()
    for entry in broken:
        passed.add(reason_of(entry["why"]), entry["key"])
    for piece in pieces:
        remarks.merge(counts_from_json(piece.get("remarks", {})))  # older ledgers have none
    counts = passed.counts | ({NOT_CHOSEN: Named(count - looked_at, ())} if count > looked_at else {})
    return Account("decoded", "records", count, sum(piece["records"] for piece in pieces), counts, remarks.counts)


def _stands(out: Path, piece: dict) -> bool:
    path = out / piece["shard"]
    return path.exists() and path.stat().st_size == piece["bytes"]


def _samples(source, chosen, places, short_side, broken, remarks, progress) -> Iterator[tuple[str, dict[str, bytes]]]:
    """The shard's samples; `broken` gets the others, `remarks` what is odd about those that are written."""

    def sample(place: int):
        try:
            record = source[int(chosen[place])]
            return record, (f"{place:08d}", encode(shrunk(record, short_side)))
        except BrokenRecord as error:
            return error

    for result in in_order(sample, places):
        if isinstance(result, BrokenRecord):
            broken.append({"key": result.key, "why": result.why})
        else:
            record, written = result
            for remark in record.remarks:
                remarks.add(remark, record.key)
            yield written
        progress.advance()


def shrunk(record: Record, short_side: int | None) -> Record:
    """The record, decoded once to see that it can be; a larger image becomes a JPEG whose short side is that,
    with the masks of its objects."""
    pixels = record.pixels
    if short_side is None or min(pixels.shape[:2]) <= short_side:
        return record
    before, pixels = pixels.shape[:2], images.resize_antialiased(pixels, *images.short_side(pixels.shape, short_side))
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    image = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)[1].tobytes()
    objects = tuple(_shrunk_mask(thing, before, pixels.shape[:2]) for thing in record.objects)
    return dataclasses.replace(record, image=image, objects=objects)


def _shrunk_mask(thing: Object, before: tuple[int, int], after: tuple[int, int]) -> Object:
    """A pixel is inside where half of what it shows was, or more. A mask of another picture stays what it is."""
    if thing.mask is None or thing.mask.shape != before:
        return thing
    return dataclasses.replace(thing, mask=images.resize_antialiased(thing.mask.astype(np.float32), *after) >= 0.5)


def _report(out: Path, job: dict, pieces: list[dict], broken: list[dict], accounts: list[Account]) -> dict:
    report = {
        **job, "shards": len(pieces), "written": sum(piece["records"] for piece in pieces), "left_out": broken,
        "accounts": [account.to_json() for account in accounts],
    }  # fmt: skip
    with whole_file(out / REPORT) as file:
        file.write(json.dumps(report, indent=1).encode() + b"\n")
    return report
