"""What sources share whose captions stand in one file and whose pictures lie in a folder or a tar file."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from tandemclip.core.data.account import Account
from tandemclip.core.data.records import Record
from tandemclip.core.data.sources.folder_or_tar import Files, open_files
from tandemclip.core.data.sources.image_files import Captioned
from tandemclip.core.data.sources.source import Source
from tandemclip.core.identity import Identity, of_file, of_files


@dataclass(frozen=True)
class AnnotatedFiles(Source):
    """A record is a picture with its captions, in the order of the annotations.

    path: of the annotations. folder: where their file names start, or a plain tar file that has them.
    """

    places = ("path", "folder")
    name = ""  # of the source, in errors

    path: str
    folder: str

    @property
    @abstractmethod
    def _content(self) -> tuple[Captioned, tuple[Account, ...]]:
        """Raises UserError for annotations that are not there or not as described."""

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Record:
        if not 0 <= index < len(self):
            raise IndexError(index)
        name, captions = self._images[index]
        return Record(self._files.key(name), self._files.read(name), captions=captions)

    def texts(self, limit: int) -> Iterator[str]:
        return self._images.texts(limit)

    def account(self) -> tuple[Account, ...]:
        return self._content[1]

    def identity(self) -> dict[str, Identity]:
        names, files = self._images.names, self._files
        size = lambda number: files.size(names[number])
        return {**of_files(bytes(names), size, len(names), str(files.path)), "annotations": of_file(self.path)}

    @cached_property
    def _files(self) -> Files:
        return open_files(self.folder, self.name)

    @property
    def _images(self) -> Captioned:
        return self._content[0]
