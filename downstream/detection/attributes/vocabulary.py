"""Which names of Visual Genome's free text are categories or attributes, and which of them mean the same."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from tandemclip.core.data.texts import from_json, utf8
from tandemclip.core.errors import UserError


class Vocabulary:
    """`names` in the order of their numbers; `number(name)` of one, or of a synonym; None for any other."""

    def __init__(self, names: Sequence[str], synonyms: dict[str, str]):
        self.names = tuple(names)
        self._numbers = {name: number for number, name in enumerate(self.names)}
        self._synonyms = synonyms

    def number(self, name: str) -> int | None:
        name = plain(name)
        return self._numbers.get(name, self._numbers.get(self._synonyms.get(name, name)))


def plain(name: str) -> str:
    """As names are compared: small letters, one blank between words, no full stop at the end."""
    return " ".join(name.lower().split()).rstrip(".")


def open_vocabulary(given: int | str, kind: str, used: Iterable[str], aliases: str | None) -> Vocabulary:
    """given: the path of a file of names, or how many of the most frequent of the `used` names; equally frequent ones
    come by the alphabet. kind: "label" or "attribute", what VinVL's json calls them. aliases: the path of a file of
    synonyms, such as Visual Genome's object_alias.txt.

    A file has a name a line; what follows it behind commas are synonyms. Or it is json with "label_to_idx" and
    "attribute_to_idx", numbers from 1, as VinVL's VG-SGG-dicts-vgoi6-clipped.json. Raises UserError for a file that is
    not there or not so, and for fewer names than were asked for.
    """
    synonyms = _synonyms(_lines(aliases)) if aliases else {}
    if isinstance(given, str):
        listed = _from_json(given, kind) if given.endswith(".json") else _lines(given)
        return Vocabulary([names[0] for names in listed], {**synonyms, **_synonyms(listed)})
    counts = Counter(synonyms.get(name, name) for name in map(plain, used) if name)
    if len(counts) < given:
        raise UserError(
            f"the annotations have {len(counts)} different {kind}s, and {given} are asked for; ask for fewer"
        )
    return Vocabulary(sorted(counts, key=lambda name: (-counts[name], name))[:given], synonyms)


def _synonyms(listed: list[list[str]]) -> dict[str, str]:
    return {name: names[0] for names in listed for name in names[1:]}


def _lines(path: str) -> list[list[str]]:
    try:
        text = utf8(Path(path).read_bytes())
        lines = [[plain(name) for name in line.split(",") if plain(name)] for line in text.split("\n")]
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}); give a text file with a name a line") from error
    return [names for names in lines if names]


def _from_json(path: str, kind: str) -> list[list[str]]:
    try:
        numbers = from_json(Path(path).read_bytes())[f"{kind}_to_idx"]
        names = sorted(numbers, key=numbers.__getitem__)
        if [numbers[name] for name in names] != list(range(1, len(names) + 1)):
            raise ValueError("its numbers are not 1, 2, ...")
    except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path} has no names by {kind}_to_idx ({error!r}); give VinVL's json or a text file"
        ) from error
    return [[plain(name)] for name in names]
