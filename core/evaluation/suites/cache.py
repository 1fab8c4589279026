"""Features and labels on disk, so that the protocols of one data set encode its pictures once.

    FOLDER/KEY.npy     [N, ...], a row for each record of a source, in its order

A file bears its name once it is whole. It is written batch by batch and read by mapping it into memory, so that it may
be larger than memory. KEY: the hash of the weights (of labels: of how they are read) and of the data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tandemclip.core.data.loading.loader import evaluation_batches
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.views.label import LabelView
from tandemclip.core.data.views.view import View
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.suites import keys
from tandemclip.core.methods.method import Method
from tandemclip.core.serving.model import IMAGE, Model
from tandemclip.core.whole_file import whole_file

EMBEDDING, FEATURES, BOTH = "encode_image", "encode_features", "encode_readings"


@dataclass(frozen=True)
class Cache:
    """folder: where the files lie. weights: the key of the model that encodes. encoded: is told of pictures, how many
    and when, as they are encoded.
    """

    folder: Path
    weights: str
    encoded: Callable[[int], None] = lambda count: None

    def features(self, source: Source, what: str) -> Path:
        """The file of what this function of the method gives of every picture."""
        return self._file(self.weights, what, keys.of_data(source))

    def arrays(self, source: Source, view: View) -> Path:
        """The file of what a view makes of every record. It is of the data alone."""
        return self._file(keys.described(view), keys.of_data(source))

    def _file(self, *parts) -> Path:
        return self.folder / f"{keys.of_parts(*parts)}.npy"


@dataclass(frozen=True)
class CachedModel(Model):
    """A model that reads what it has encoded before from a cache, and keeps there what it encodes."""

    cache: Cache | None = None

    def encode_source(self, source, what, views, captions=False):
        read = reading(self.method, what)
        places = {IMAGE: self.cache.features(source, read)}
        places |= {name: self.cache.arrays(source, view) for name, view in views.items()}
        missing = {name: path for name, path in places.items() if not path.exists()}
        texts = self._fill(source, read, views, missing, captions) if missing or captions else []
        found = {name: _opened(path, len(source)) for name, path in places.items()}
        features = found.pop(IMAGE)
        return self._part(features, what) if read == BOTH else features, found, texts

    def _part(self, both: np.ndarray, what: str) -> np.ndarray:
        width = self.method.image.embed_dim
        return both[:, :width] if what == EMBEDDING else both[:, width:]

    def _fill(self, source, what, views, missing: dict[str, Path], captions: bool) -> list[tuple[str, ...]]:
        """Write what is missing, by one pass over the records, and give their captions where they are asked for."""
        wanted, texts = {name: views[name] for name in missing if name != IMAGE}, []
        with ExitStack() as stack:
            files = {name: _Rows(stack.enter_context(whole_file(path)), len(source)) for name, path in missing.items()}
            read = self.read_source(source, what, wanted) if IMAGE in missing else self._known(source, wanted)
            for arrays, own in read:
                for name, file in files.items():
                    file.add(arrays[name])
                texts += own if captions else []
                self.cache.encoded(len(own) if IMAGE in missing else 0)
        return texts

    def _known(self, source: Source, views: dict[str, View]) -> Iterator:
        """Views and captions alone: no picture is decoded. A batch without any array would end the stream."""
        views = views or {"": LabelView()}
        return evaluation_batches(source, views, self.tokenizer, self.batch_size, self.workers)


def reading(method: Method, what: str) -> str:
    """The function by which pictures are encoded where `what` is asked for: one for all that one pass gives."""
    return BOTH if method.one_pass and what in (EMBEDDING, FEATURES) else what


def cached(model: Model, cache: Cache) -> CachedModel:
    """The same model with this cache."""
    return CachedModel(**vars(model), cache=cache)


class _Rows:
    """A .npy file of `count` rows, which come batch by batch."""

    def __init__(self, file: BinaryIO, count: int):
        self._file, self._count, self._begun = file, count, False

    def add(self, rows: np.ndarray) -> None:
        """[n, ...], of one shape and dtype behind the first axis for all batches."""
        rows = np.ascontiguousarray(rows)
        if not self._begun:
            shape = (self._count, *rows.shape[1:])
            header = {"descr": np.lib.format.dtype_to_descr(rows.dtype), "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(self._file, header)
            self._begun = True
        self._file.write(rows.data)


def _opened(path: Path, count: int) -> np.ndarray:
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
        if len(found) == count:
            return found
        why = f"it has {len(found)} rows for {count} records"
    except (OSError, ValueError) as error:
        why = str(error)
    raise UserError(f"{path} cannot be used ({why}); remove it, and it is made anew")
