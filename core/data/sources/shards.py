"""WebDataset shards as a source: plain tar files, read at random through an index of offsets (`shard_index`)."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache, partial

import numpy as np

from tandemclip.core.data.account import Account, Tally
from tandemclip.core.data.records import BrokenRecord, Record
from tandemclip.core.data.sources.class_names import ID, read_class_names, repeated
from tandemclip.core.data.sources.file_cache import Stamp, cached, stamp
from tandemclip.core.data.sources.prompts import PHOTO, Templates, checked, ensemble
from tandemclip.core.data.sources.shard_facts import read_facts, read_label
from tandemclip.core.data.sources.shard_index import UNIT, Entries, read_account, read_identity, read_index
from tandemclip.core.data.sources.shard_paths import files, packed_beside
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError
from tandemclip.core.identity import Identity, of_bytes, of_file


@dataclass(frozen=True)
class Shards(Source):
    """The records of all tar files that `paths` names: files, folders, glob patterns, or braces ({000..317}), each in
    the order of sorted names.

    Members of one record share their name up to the first dot (`shard_keys` says what holds where names have several):
    NNN.jpg (or png, webp ...) and, each optional,
    NNN.json: {"captions": [...] or "caption": "...", "summary": "...", "label": 3, "attributes": {"color": 2},
               "objects": [{"phrase", "box": [x1, y1, x2, y2] in 0..1, "confidence", "feature": [...]}],
               "phrases": [{"phrase", "box"}]} (annotated phrases: objects of confidence 1 without a feature)
    Objects and phrases may also have "category", "attributes": [...], "mask": {"size": [H, W], "counts": [...]} (COCO's
    run lengths) and "marks": [...] of records.MARKS; "n": 2, two things in one box, is the mark "several".
    NNN.txt: a caption a line.  NNN.cls: the number of its class.   NNN.rois.npy: [objects, D], the features of
    "objects" in their order, in place of "feature": as text they would take several times the room of the picture.
    All texts are UTF-8. Captions of the json stand before those of the txt, and the cls before the json's label
    (`shard_facts`). What is in no record with a picture is passed over, and counted in the index. Raises UserError for
    a missing shard, for one cut short, and where two members are of one record and kind.

    paths: files or glob patterns. templates: what a class's name is put into, "{}" in each, or a set of them by name.
    classes: a JSON file with the list of the classes' names (or of mappings with a "name") in the order of their
    numbers; with it the records are evaluated zero-shot, by each name in `templates`, and those that have a class and
    no caption get these prompts for captions. Raises UserError where a record's class is not in the list.
    """

    places = ("paths", "classes")

    paths: str | tuple[str, ...]
    classes: str | None = None
    templates: Templates = PHOTO

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, index: int) -> Record:
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._record(index, picture=True)

    def _record(self, index: int, picture: bool) -> Record:
        """picture: False for what is known about it only."""
        shard, entry = self._locate(index)
        key = f"{shard.path}:{entry['key'].decode('utf-8', 'replace')}"
        image = _member(shard, entry, "image") if picture else b""
        if image is None:
            raise BrokenRecord(key, "it has no image")
        try:
            facts = read_facts(*(_member(shard, entry, kind) for kind in ("json", "txt", "cls", "rois")))
        except ValueError as error:
            raise BrokenRecord(key, str(error)) from error
        prompts = () if facts.captions else self._captions_of_class(facts.label, key)
        remarks = (
            facts.remarks if facts.captions or facts.label is not None else (*facts.remarks, "no caption, no class")
        )
        return Record(
            key, image, facts.captions or prompts, facts.summary, facts.objects, facts.label, facts.attributes,
            prompted=bool(prompts), remarks=remarks,
        )  # fmt: skip

    def labels(self) -> np.ndarray:
        """As in every source; pictures are not read, and labels only once for each state of a shard."""
        _ = self._starts  # says what is wrong with the shards
        return np.concatenate([cached(shard, "labels", partial(self._read_labels, shard)) for shard in self._shards])

    def _read_labels(self, shard: Stamp) -> np.ndarray:
        index = read_index(shard)
        found = np.full(len(index), -1, np.int32)
        for number, entry in enumerate(index):
            with suppress(ValueError, TypeError, OverflowError):
                label = read_label(_member(shard, entry, "json"), _member(shard, entry, "cls"))
                found[number] = -1 if label is None else label
        return found

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        return tuple(read_class_names(self.classes)) if self.classes else ()

    @property
    def prompts(self) -> dict[str, list[list[str]]]:
        """The texts of each class; nothing without `classes`."""
        return {"class": [ensemble(name, self._templates) for name in self.class_names]} if self.classes else {}

    @cached_property
    def _templates(self) -> tuple[str, ...]:
        return checked(self.templates)

    def _captions_of_class(self, label: int | None, key: str) -> tuple[str, ...]:
        """Its name in the templates, for records that bring no caption."""
        if label is None or not self.classes:
            return ()
        if not 0 <= label < len(self.class_names):
            raise UserError(
                f"{key} has class {label}, and {self.classes} names {len(self.class_names)}; give the list of all "
                "classes"
            )
        return tuple(ensemble(self.class_names[label], self._templates))

    def texts(self, limit: int) -> Iterator[str]:
        """Captions, summaries and phrases of at most `limit` records, evenly spread; images are not read."""
        for index in range(0, len(self), max(1, -(-len(self) // limit))):
            try:
                record = self._record(index, picture=False)
            except BrokenRecord:
                continue  # the loader names and counts it when it comes to it; here it only has no words to give
            yield from record.captions
            if record.summary:
                yield record.summary
            yield from (thing.phrase for thing in record.objects)

    def account(self) -> tuple[Account, ...]:
        """Of all shards together, from their indices; no picture or text is read for it."""
        count, read, passed, remarks = 0, 0, Tally(), Tally()
        for shard in self._shards:
            of_one = read_account(shard)
            count, read = count + of_one.all, read + of_one.read
            passed.merge(of_one.passed_over)
            remarks.merge(of_one.remarks)
        for path, times in Counter(shard.path for shard in self._shards).items():
            if times > 1:
                remarks.add("the tar file is named several times", path)
        for name in repeated(self.class_names):
            remarks.add("a class shares its name, up to case, with another", name)
        for name in filter(ID.fullmatch, self.class_names):
            remarks.add("a class's name is an id or begins with a number", name)
        patterns = (self.paths,) if isinstance(self.paths, str) else self.paths
        for name in (name for pattern in patterns for name in packed_beside(pattern)):
            remarks.add("it lies in the folder of shards, and is no plain .tar file: it is not read", name)
        of = patterns[0] if len(patterns) == 1 else f"{len(self._shards)} shards"
        return (Account(of, UNIT, count, read, passed.counts, remarks.counts),)

    def identity(self) -> dict[str, Identity]:
        """Of the indices: names of tar files and records, and where and how long their members are."""
        root = os.path.commonpath([os.path.dirname(shard.path) for shard in self._shards])
        names, sizes = [], []
        for shard in self._shards:
            content = read_identity(shard)
            names += [os.fsencode(os.path.relpath(shard.path, root)), content[:32]]
            sizes += [b"%d" % shard.size, content[32:]]
        found = {
            "names": of_bytes(names, root, len(self), "records"),
            "sizes": of_bytes(sizes, root, len(self._shards), "tar files"),
        }
        return found if self.classes is None else {**found, "classes": of_file(self.classes)}

    def __getstate__(self) -> dict:
        return {field.name: getattr(self, field.name) for field in fields(self)}  # files are opened where they are read

    @cached_property
    def _shards(self) -> tuple[Stamp, ...]:
        patterns = (self.paths,) if isinstance(self.paths, str) else self.paths
        if not patterns:
            raise UserError("shards: paths is an empty list; give the tar files, their folder or a pattern")
        return tuple(stamp(path) for pattern in patterns for path in files(pattern))

    @cached_property
    def _starts(self) -> np.ndarray:
        """[shards + 1]: the number of the first record of each, then the number of all"""
        starts = np.cumsum([0] + [len(read_index(shard)) for shard in self._shards])
        if not starts[-1]:
            raise UserError(
                f"shards: no record with an image is in {self.paths}; expected members like 000000.jpg and 000000.json"
            )
        return starts

    def _locate(self, index: int):
        """-> (the shard, its entry in the index)"""
        number = int(np.searchsorted(self._starts, index, side="right")) - 1
        shard = self._shards[number]
        return shard, _entries(shard)[index - int(self._starts[number])]


# A window of the order mixes neighbouring shards, so that a few of them are in use at any time. What falls out of a
# cache is closed when its last reader lets go of it.
_entries = lru_cache(maxsize=128)(lambda shard: Entries(read_index(shard)))


@lru_cache(maxsize=128)
def _open(shard: Stamp):
    try:
        return open(shard.path, "rb", buffering=0)
    except OSError as error:
        raise UserError(
            f"shards: {shard.path} was there and cannot be opened any more ({error.strerror}); put it back"
        ) from error


def _member(shard: Stamp, entry, kind: str) -> bytes | None:
    offset, size = int(entry[kind]["offset"]), int(entry[kind]["size"])
    if size < 0:
        return None
    file = _open(shard)  # held: it may be in no cache, where two threads opened it at once
    data = os.pread(file.fileno(), size, offset)
    if len(data) < size:
        raise UserError(f"shards: {shard.path} ends at a record that it had before; copy the file again, whole")
    return data
