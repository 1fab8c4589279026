"""Which members of a tar file make up a record.

A key is what stands before the first dot of a name, as in WebDataset; what follows says what the member is, by its last
part: 17.jpg and 17.input.jpg are pictures. Names of files may have dots within (IMG_1.0.png, IMG_1.1.png), and several
then have one key. So members of one key are told apart at the last dot where two of them are of one kind, or where
different words stand between the first and the last dot. What still is of one kind and key is an error.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tandemclip.core.data.account import printable
from tandemclip.core.data.sources.kinds import PICTURES, ROIS
from tandemclip.core.errors import UserError

NO_KEY = "its name has no ending, or begins with a dot"
NO_KIND = "its ending is none that is read"


@dataclass
class Groups:
    """records: {key: {kind, one of image, json, txt, cls and rois: the member's name}}, in the order of first names.

    others: {key: names of further members of it}. no_key: members that are in no record, by reason. split: keys whose
    members were told apart at the last dot.
    """

    records: dict[str, dict[str, str]] = field(default_factory=dict)
    others: dict[str, list[str]] = field(default_factory=dict)
    no_key: dict[str, list[str]] = field(default_factory=dict)
    split: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Part:
    """name = key.middle.ending: "a/17.input.jpg" is of the key "a/17", with "input" in the middle; kind: None where it
    is none that is read."""

    name: str
    key: str
    middle: str
    kind: str | None

    @property
    def long_key(self) -> str:
        return f"{self.key}.{self.middle}" if self.middle else self.key


def grouped(names: Iterable[str], path: str) -> Groups:
    """path: of the tar file, for the UserError where two members are of one key and kind."""
    found, by_key = Groups(), {}
    for name in names:
        part = _part(name)
        if part is None:
            found.no_key.setdefault(NO_KEY, []).append(name)
        else:
            by_key.setdefault(part.key, []).append(part)
    for key, parts in by_key.items():
        apart = _several([part for part in parts if part.kind is not None])
        if apart:
            found.split.append(key)
        for part in parts:
            _add(found, part, part.long_key if apart else key, path)
    return found


def _several(parts: list[_Part]) -> bool:
    """Whether members of one key are of several records."""
    kinds = Counter(part.kind for part in parts)
    words = {part.middle for part in parts} - {""}
    return max(kinds.values(), default=0) > 1 or len(words) > 1


def _add(found: Groups, part: _Part, key: str, path: str) -> None:
    if part.kind is None:
        found.no_key.setdefault(NO_KIND, []).append(part.name)
        found.others.setdefault(key, []).append(part.name)
        return
    record = found.records.setdefault(key, {})
    if part.kind in record:
        what = "two pictures" if part.kind == "image" else f"two of {part.kind}"
        raise UserError(
            f"shards: {path} has {what} of one key, {printable(record[part.kind])} and {printable(part.name)}; "
            "rename one, or write the file again without it"
        )
    record[part.kind] = part.name


def _part(name: str) -> _Part | None:
    folder, slash, base = name.rpartition("/")
    stem, _, rest = base.partition(".")
    if not stem or not rest:
        return None
    middle, ending = _cut(rest)
    kind = "image" if ending in PICTURES else "rois" if ending == ROIS else ending
    return _Part(name, folder + slash + stem, middle, kind if kind in ("image", "rois", "json", "txt", "cls") else None)


def _cut(rest: str) -> tuple[str, str]:
    """ "input.JPG" -> ("input", "jpg"); rois.npy is one ending."""
    lower = rest.lower()
    if lower == ROIS or lower.endswith(f".{ROIS}"):
        return rest[: -len(ROIS) - 1], ROIS
    middle, _, ending = rest.rpartition(".")
    return middle, ending.lower()
