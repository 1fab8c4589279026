"""What archives have in common that hold all pictures of a split in a few files, as plain numbers."""

import gzip
import zlib
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tandemclip.core.data.sources.archives.labelled import Labelled, Listed
from tandemclip.core.errors import UserError
from tandemclip.core.identity import of_bytes

GZ = ".gz"


@dataclass(frozen=True)
class Packed(Labelled):
    """Pictures as numbers. They are read at the first picture, and all of a split stay in memory."""

    @property
    @abstractmethod
    def held_in(self) -> Sequence[str]:
        """The files that hold this split's pictures and labels, below `path`."""

    @abstractmethod
    def unpacked(self) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
        """-> pixels [N, H, W] or [N, H, W, 3] uint8, classes [N] int, the classes' names (() where none are there)."""

    def listed(self):
        pixels, labels, names = self._unpacked
        keys = [f"{self.held_in[0]}:{number}" for number in range(len(pixels))]
        return Listed(keys, labels, names, {}, "pictures in the archive")

    def picture(self, number):
        pixels = self._unpacked[0][number]
        return np.ascontiguousarray(pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2))

    def missing(self):
        return []

    def identity(self):
        parts = (self.content(name) for name in self.held_in)
        return {"pictures": of_bytes(parts, self.path, len(self), "pictures"), **self.identity_of_classes()}

    def content(self, name: str) -> bytes:
        """The file, or what NAME.gz holds, as such archives are fetched so."""
        packed = self.files.size(name) < 0 and self.files.size(name + GZ) >= 0
        content = super().content(name + GZ if packed else name)
        try:
            return gzip.decompress(content) if packed else content
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(
                f"{self._type}: {self.files.key(name)}{GZ} is cut short or damaged: fetch it again"
            ) from error

    def whole(self, name: str, record: int) -> np.ndarray:
        """[records, record] uint8 of a file of records of so many bytes."""
        content = self.content(name)
        if not content or len(content) % record:
            raise self.unlike(name, f"{len(content):,} bytes, no multiple of {record:,}")
        return np.frombuffer(content, np.uint8).reshape(-1, record)

    @cached_property
    def _unpacked(self):
        return self.unpacked()
