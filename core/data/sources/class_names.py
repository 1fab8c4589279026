"""Lists of class names, which people write in several ways: taken by number, or refused in one sentence; and how two
lists are compared: by name, as the same classes have other numbers in another folder.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tandemclip.core.data.texts import blank, from_json, in_words, kind, unicode, utf8
from tandemclip.core.errors import UserError

FOLDER = Path(__file__).parent / "names"  # lists that ship, for archives that have none
# Such as n02123045, which is a number of WordNet and no word, 0001, and 001.Black_footed_Albatross.
ID = re.compile(r"[A-Za-z]\d{4,}|\d+|\d+\.\D.*")
IDS = ("id", "label", "index", "class", "class_id", "category_id", "number")  # how a mapping may call a class's number
# Lines of a text that are no names, whatever stands in the others.
NO_NAMES = {"#": "a comment", ".*\t": "a line with a tab", r"[anrv]\d{8}[\s,:]": "a line that begins with WordNet's id"}
WRITE = 'write it like ["cat", "dog"] or {"0": "cat", "1": "dog"}'


def read_class_names(path: str, part: bool = False) -> list[str]:
    """The names in the order of their numbers. Raises UserError, which names the file, for anything else than

    - a list of names, or of mappings with a "name"; where these have a number (IDS), it is their place in the list,
      from 0;
    - a mapping of numbers from 0 on to names, {"0": "cat"}, or to lists that end with the name, {"0": ["n01", "cat"]};
    - in a file that ends in .txt: a name a line, without numbers before them and without an empty line between.

    part: they are some of the classes, and may be one; else a line that holds several names is refused.
    """
    try:
        names = [_name(entry, place) for place, entry in enumerate(_in_order(_content(path)))]
        if path.endswith(".txt") and len(names) == 1 and not part and re.search(r"[,;\t]", names[0]):
            raise ValueError(f"its one line is {names[0]!r:.80}, expected a name a line")
        return names
    except (KeyError, ValueError) as error:
        raise UserError(f"the class names {path}: {in_words(error)}; {WRITE}") from error


def names_of_folders(path: str, folders: Sequence[str]) -> dict[str, str]:
    """{folder: what its class is called}, from {folder: name} or {number: [folder, name]}. In the second form folders
    may be called by the numbers, and stand in their order then: ImageNet-V2's "2" before "10", as class 2 stands before
    class 10. UserError where a folder has no name."""
    try:
        content = _content(path)
        if not isinstance(content, dict):
            raise ValueError(f"it holds {kind(content)}, expected a mapping")
        numbered = {key: value for key, value in content.items() if isinstance(value, list) and len(value) > 1}
        pairs = [numbered.get(key, (key, value))[-2:] for key, value in content.items()]
        if wrong := [folder for folder, _ in pairs if not isinstance(folder, str)]:
            raise ValueError(f"a folder is called {wrong[0]!r:.80}, expected a text")
        names = {folder: _name(name, folder) for folder, name in pairs}
        if len(names) < len(pairs):
            raise ValueError("a folder stands there twice")
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f'the names of folders {path}: {in_words(error)}; write it like {{"n02123045": "tabby cat"}}'
        ) from error
    if all(folder in numbered for folder in folders):
        return {folder: names[numbered[folder][-2]] for folder in numbered if folder in folders}
    names = {composed(folder): name for folder, name in names.items()}
    if missing := [folder for folder in folders if composed(folder) not in names]:
        raise UserError(
            f"{path} has no name for {len(missing)} of {len(folders)} folders, the first is {unicode(missing[0])!r}; "
            "add it"
        )
    return {folder: names[composed(folder)] for folder in folders}


def places_among(names: Sequence[str], among: Sequence[str]) -> np.ndarray:
    """[len(names)] int: the number that each class has in the list `among`.

    UserError where one is not in there, and where two lists that are not equal have a name twice.
    """
    names, among = [composed(name) for name in names], [composed(name) for name in among]
    if names == among:
        return np.arange(len(names))
    for listed in (names, among):
        if twice := [name for name, times in Counter(listed).items() if times > 1]:
            raise UserError(
                f"two lists of classes are not equal, and one has the name {twice[0]!r} several times, so that nobody "
                "can say which is which; give each class a name of its own"
            )
    number = {name: place for place, name in enumerate(among)}
    if missing := [name for name in names if name not in number]:
        raise UserError(
            f"{len(missing)} of {len(names)} classes are none of the {len(among)} that were learned, the first is "
            f"{missing[0]!r}; learned were {_shown(among)}: call them alike, or evaluate on those"
        )
    return np.array([number[name] for name in names], int)


def first_difference(one: Sequence[str], other: Sequence[str]) -> tuple[str, str]:
    """What two lists that are not equal say of the first place where they differ, in words each."""
    place = next((place for place, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
    says = lambda names: f"class {place} is {names[place]!r}" if place < len(names) else f"there are {len(names)}"
    return says(one), says(other)


def _shown(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:5])) + (", ..." if len(names) > 5 else "")


def repeated(names: Iterable[str]) -> list[str]:
    """Those that several classes have, up to case and blanks: a text cannot tell such classes apart."""
    names = list(names)
    times = Counter(map(folded, names))
    return [name for name in names if times[folded(name)] > 1]


def folded(name: str) -> str:
    """A name without case, without marks that cannot be seen, with one blank between its words, and its letters in one
    form: an e with an accent is one letter in some programs' names of files and two in others'."""
    seen = "".join(sign for sign in unicodedata.normalize("NFKC", name) if unicodedata.category(sign) != "Cf")
    return " ".join(seen.replace("_", " ").casefold().split())


def composed(name: str) -> str:
    """Names of one form are equal, whether a Mac wrote them, which takes accents off their letters, or another."""
    return unicodedata.normalize("NFC", name)


def _content(path: str) -> Any:
    try:
        content = Path(path).expanduser().read_bytes()
        return _lines(utf8(content)) if path.endswith(".txt") else from_json(content)
    except OSError as error:
        raise UserError(f"the class names {path} cannot be read ({error.strerror}); correct the path") from error


def _lines(text: str) -> list[str]:
    """ValueError for a file that numbers its lines, or has ids, comments or columns in them, as these would be taken
    for names or a part of them, and for one whose lines end as an old Mac's, which would be one name.
    """
    names = [line.strip() for line in text.rstrip().split("\n")] if text.strip() else []
    if any("\r" in name for name in names):
        raise ValueError("its lines end with carriage returns alone, expected line feeds")
    for first in (0, 1):
        if names and all(re.match(rf"0*{place}[\s,:;.)]", name) for place, name in enumerate(names, first)):
            raise ValueError(f"its lines begin with their numbers, such as {names[0]!r}, expected names alone")
        if names and all(re.search(rf"[,;]\s*0*{place}$", name) for place, name in enumerate(names, first)):
            raise ValueError(f"its lines end with their numbers, such as {names[0]!r}, expected names alone")
    for sign, what in NO_NAMES.items():
        if found := next(filter(re.compile(sign).match, names), None):
            raise ValueError(f"it has {what}, {found!r:.80}, expected names alone")
    return names


def _in_order(content: Any) -> list:
    if isinstance(content, dict):
        places = {str(place) for place in range(len(content))}
        if wrong := [key for key in content if key not in places]:
            raise ValueError(f"its keys are no numbers from 0 to {len(content) - 1}, such as {wrong[0]!r}")
        content = [content[str(place)] for place in range(len(content))]
        content = [entry[-1] if isinstance(entry, list) and entry else entry for entry in content]
    if not isinstance(content, list):
        raise ValueError(f"it holds {kind(content)}, expected a list")
    if not content:
        raise ValueError("it holds no class")
    return content


def _name(entry: Any, place: int | str) -> str:
    if isinstance(entry, dict):
        for key in IDS:
            given = str(entry.get(key, place))
            if given != str(place) and (key == "id" or given.isdecimal()):
                raise ValueError(
                    f"the entry at place {place} has the {key} {entry[key]!r}; the place is the class's number"
                )
        entry = entry["name"]
    if not isinstance(entry, str) or blank(entry):
        raise ValueError(f"class {place} is called {entry!r}, expected a text")
    return unicode(entry)
