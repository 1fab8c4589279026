"""A trained model on an engine: what evaluation, and anybody who wants features, works with."""

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tandemclip.core.config.build import build
from tandemclip.core.data.loading.loader import evaluation_batches
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.texts import kind
from tandemclip.core.data.tokenizers.tokenizer import Tokenizer, from_json
from tandemclip.core.data.views.view import View
from tandemclip.core.errors import UserError
from tandemclip.core.methods.method import Method
from tandemclip.core.random import generator
from tandemclip.core.serving.inputs import features_of, ids_of, records_of, texts_of
from tandemclip.core.serving.reading import Reading
from tandemclip.core.training import checkpoint
from tandemclip.core.training.engine import Engine
from tandemclip.core.training.update import AdamW

IMAGE = "image"  # what the picture's array is called among those of other views


@dataclass(frozen=True)
class Model:
    """batch_size: what is encoded at once. workers: processes that read pictures for evaluation; 0: a thread.
    class_names: what the classes that the method learned are called, by number; () where nobody says."""

    engine: Engine
    method: Method
    tokenizer: Tokenizer | None
    batch_size: int = 100
    workers: int = 0
    class_names: tuple[str, ...] = ()

    @property
    def reading(self) -> Reading:
        """How it reads texts. UserError where the method reads none."""
        if self.method.text is None:
            raise UserError(
                f"{type(self.method).__name__} reads no texts; encode images, or use a method with a text tower"
            )
        return Reading(self.tokenizer, self.method.text.context_length)

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        """-> [len(texts), embed_dim] float32, unit rows. UserError for what is no list of texts.

        A text of more tokens than the model reads is cut, with a warning. Another one tells of texts without a word.
        """
        listed, reading = texts_of(texts), self.reading
        ids = reading.ids(listed)
        wordless = "without a word that the model knows"
        for found, says in ((reading.cut(listed, ids), reading.cut_says), (reading.wordless(ids), wordless)):
            if found.any():
                such = f"such as {listed[found.argmax()]!r:.80}"
                warnings.warn(f"{found.sum():,} of {len(listed):,} texts are {says}, {such}", stacklevel=2)
        return self.encode_ids(ids)

    def encode_ids(self, ids: np.ndarray) -> np.ndarray:
        """What `reading.ids` gave, [N, context length] int32 -> [N, embed_dim] float32, unit rows.

        UserError for anything else.
        """
        reading = self.reading
        return self._in_batches(self.engine.encode_text, ids_of(ids, reading.length, reading.tokenizer.vocab_size))

    def encode_images(self, images: list) -> np.ndarray:
        """Paths, encoded bytes, PIL images or [H, W, 3] uint8 RGB arrays -> [len(images), embed_dim] float32.

        Unit rows. Cut and normalised as in evaluation. A grey array may be [H, W] or [H, W, 1]; of [H, W, 4] the last
        channel, transparency, is dropped. Raises UserError for anything else, and BrokenRecord for a file that is no
        image.
        """
        view, rng = self.method.inference_view(), generator("no draw")
        rows = np.stack([view(record, rng, self.tokenizer)[""] for record in records_of(images)])
        return self._in_batches(self.engine.encode_image, rows)

    def similarity(self, images: np.ndarray, texts: np.ndarray) -> np.ndarray:
        """What `encode_images` and `encode_texts` gave, [N, ...] and [M, ...] -> [N, M]: the highest is the nearest.

        float64 where that is the dot product; as the engine computes it where the method has a way of its own.
        UserError for what is no such features.
        """
        images, texts = features_of(images, "images"), features_of(texts, "texts")
        if self.method.by_dot_product:
            if images.shape[1:] != texts.shape[1:]:
                raise UserError(
                    f"images are {list(images.shape)} and texts {list(texts.shape)}; expected features of one model, "
                    "[N, D] and [M, D]"
                )
            found = np.asarray(images, np.float64) @ np.asarray(texts, np.float64).T
        elif len(images) and len(texts):
            parts = self._batches(texts)
            found = np.concatenate(
                [np.concatenate([self._compare(u, v) for v in parts], 1) for u in self._batches(images)]
            )
        else:
            found = np.zeros((len(images), len(texts)), np.float32)
        if not np.isfinite(found).all():
            raise UserError(
                f"{type(self.method).__name__}.similarity gives {np.sum(~np.isfinite(found))} of {found.size} values "
                "that are not finite; check the features, the checkpoint, and the method's definition"
            )
        return found

    def encode(self, what: str, batch: np.ndarray, count: int) -> np.ndarray:
        """A function of the method, e.g. "encode_features", on [n, ...], a batch out of `count` rows -> [n, ...]."""
        return self.engine.apply(what, self._filled(batch, count))[: len(batch)]

    def node_gradients(self, what: str, node: str, *arrays: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """What a node gave at its first visit, and the gradient by it of the sum of what a function of the method gives
        of [n, ...] each, a batch out of `count` rows. UserError for a node whose rows are not those of the batch.
        """
        filled = tuple(self._filled(rows, count) for rows in arrays)
        value, gradient = self.engine.node_gradients(what, filled, ((node, 0),))[node, 0]
        if value.shape[:1] != filled[0].shape[:1]:
            raise UserError(
                f"the node {node} gives {list(value.shape)} of {len(filled[0])} pictures; name one with a row for each"
            )
        return value[: len(arrays[0])], gradient[: len(arrays[0])]

    def encode_source(
        self, source: Source, what: str, views: dict[str, View], captions: bool = False
    ) -> tuple[np.ndarray, dict[str, np.ndarray], list[tuple[str, ...]]]:
        """Of every record of a source, in its order, each read once: what a function of the method gives of its picture
        [N, ...], the arrays of other views by name [N, ...], and its captions where they are asked for.
        """
        parts, texts = [], []
        for arrays, own in self.read_source(source, what, views):
            parts.append(arrays)
            texts += own if captions else []
        found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return found.pop(IMAGE), found, texts

    def read_source(
        self, source: Source, what: str, views: dict[str, View]
    ) -> Iterator[tuple[dict[str, np.ndarray], list[tuple[str, ...]]]]:
        """The same, batch by batch: ({"image": [n, ...], view: [n, ...]}, captions of n records)."""
        wanted = {IMAGE: self.method.inference_view(), **views}
        for batch, texts in evaluation_batches(source, wanted, self.tokenizer, self.batch_size, self.workers):
            yield batch | {IMAGE: self.encode(what, batch[IMAGE], len(source))}, texts

    def _compare(self, images, texts):
        filled = [self._filled(rows, len(rows)) for rows in (images, texts)]
        return self.engine.apply("similarity", *filled)[: len(images), : len(texts)]

    def _in_batches(self, encode, rows):
        found = [encode(self._filled(batch, len(rows)))[: len(batch)] for batch in self._batches(rows)]
        return np.concatenate(found)

    def _batches(self, rows):
        return [rows[start : start + self.batch_size] for start in range(0, len(rows), self.batch_size)]

    def _filled(self, batch, count):
        """Its last row repeated, where each new shape has to be compiled: to a power of two, or the batch size where
        `count`, which it is a part of, gives full batches. So there are few shapes, and one picture costs little.
        """
        if not self.engine.capabilities.fixed_shapes:
            return batch
        rows = min(self.batch_size, 1 << (count - 1).bit_length())
        return np.concatenate([batch, np.repeat(batch[-1:], rows - len(batch), 0)])


def open_model(path: Path, engine_class, trust: bool = False) -> Model:
    """The model of a checkpoint (or of a run's newest one). trust: see `model_of`."""
    if not isinstance(path, (str, os.PathLike)):
        raise UserError(f"the checkpoint is {kind(path)}, {path!r:.80}; expected the path of a run or of a checkpoint")
    return model_of(checkpoint.load(checkpoint.resolve(Path(path))), engine_class, trust)


def model_of(saved: checkpoint.Checkpoint, engine_class, trust: bool = False, workers: int = 0) -> Model:
    """With the average of the weights, where the run keeps one: as the run itself evaluates.

    trust: import classes from outside the package that the checkpoint names; without it they are a UserError.
    """
    method = build(Method, saved.state["config"]["method"], "method", trust, stored=True)
    engine = engine_class(method, saved.averaged, AdamW())
    names = tuple(saved.state.get("class_names") or ())
    return Model(engine, method, from_json(saved.state["tokenizer"]), workers=workers, class_names=names)
