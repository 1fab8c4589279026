"""Archives whose lists name pictures in a folder a class: DTD, Food-101, SUN397."""

from collections import Counter
from dataclasses import dataclass

from tandemclip.core.data.sources.archives.labelled import Labelled, Listed
from tandemclip.core.data.sources.image_files import plain
from tandemclip.core.errors import UserError


@dataclass(frozen=True)
class ListedFolders(Labelled):
    """The pictures that `lists` name, a line each: "churros/1004234", of the class that their folder is called.

    lists: files in the archive. names: a file in the archive with the folders of all classes, a line each, in the order
    of their numbers; null: those that the lists name, sorted. pictures_in: the folder in the archive that the lines
    start from; "" for the archive's own. ending: what the lines leave out of the files' names, such as ".jpg".

    DTD (Cimpoi et al. 2014), Food-101 (Bossard et al. 2014) and SUN397 (Xiao et al. 2010) are listed so. A line of
    SUN397 begins with a slash, and its folders with a letter of the alphabet that is no part of the name:
    "/a/apartment_building/outdoor/sun_1.jpg" is of "apartment building outdoor".
    """

    lists: tuple[str, ...] = ()
    names: str | None = None
    pictures_in: str = ""
    ending: str = ""

    def __post_init__(self):
        if not self.lists:
            raise UserError(f"listed_folders: {self.path}: `lists` names no list; write it like [labels/test1.txt]")

    def listed(self):
        lines = [plain(line.strip("/")) for name in self.lists for line in self.lines(name)]
        for line in lines:
            if "/" not in line:
                raise self.unlike(", ".join(self.lists), line)
        folders = [line.rpartition("/")[0] for line in lines]
        known = sorted(set(folders)) if self.names is None else self._named(self.names)
        number = {folder: place for place, folder in enumerate(known)}
        if unknown := [folder for folder in folders if folder not in number]:
            raise self.unlike(", ".join(self.lists), f"{unknown[0]}, no class of {self.names}")
        start = f"{self.pictures_in}/" if self.pictures_in else ""
        pictures = [f"{start}{line}{self.ending}" for line in lines]
        return Listed(pictures, [number[folder] for folder in folders], tuple(map(_spoken, known)), {})

    def _named(self, names: str) -> list[str]:
        folders = [plain(line.strip("/")) for line in self.lines(names)]
        for folder, times in Counter(folders).items():
            if times > 1:
                raise self.unlike(names, f"{folder}, {times} times")
        return folders


def _spoken(folder: str) -> str:
    letter, slash, rest = folder.partition("/")
    return (rest if slash and len(letter) == 1 else folder).replace("/", " ")
