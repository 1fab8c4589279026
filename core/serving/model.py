"""A trained model on an engine: what evaluation, and anybody who wants features, works with."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tandemclip.core.config.build import build
from tandemclip.core.data.records import Record
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.tokenizers.tokenizer import Tokenizer, from_json
from tandemclip.core.errors import UserError
from tandemclip.core.methods.method import Method
from tandemclip.core.random import generator
from tandemclip.core.training import checkpoint
from tandemclip.core.training.engine import Engine
from tandemclip.core.training.update import AdamW


@dataclass(frozen=True)
class Model:
    """batch_size: what is encoded at once; a last batch is filled up, as compiled engines want fixed shapes."""

    engine: Engine
    method: Method
    tokenizer: Tokenizer
    batch_size: int = 100

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        """-> [len(texts), embed_dim] float32, unit rows."""
        if self.method.text is None:
            raise UserError(
                f"{type(self.method).__name__} reads no texts; encode images, or use a method with a text tower"
            )
        return self._in_batches(self.engine.encode_text, self.tokenizer(list(texts), self.method.text.context_length))

    def encode_images(self, images: list) -> np.ndarray:
        """Paths, encoded bytes or [H, W, 3] uint8 RGB arrays -> [len(images), embed_dim] float32, unit rows.

        Cut and normalised as in evaluation. Raises BrokenRecord for what is no image.
        """
        view, rng = self.method.inference_view(), generator("no draw")
        return self._in_batches(
            self.engine.encode_image, np.stack([view(_record(image), rng, self.tokenizer)[""] for image in images])
        )

    def _in_batches(self, encode, rows):
        size = self.batch_size
        padded = np.concatenate([rows, np.repeat(rows[-1:], -len(rows) % size, 0)])
        return np.concatenate([encode(padded[i : i + size]) for i in range(0, len(padded), size)])[: len(rows)]


def _record(image) -> Record:
    if isinstance(image, (str, Path)):
        try:
            return Record(str(image), Path(image).read_bytes())
        except OSError as error:
            raise UserError(f"the image {image} cannot be read: {error.strerror}; check the path") from error
    return Record("an image", image)


def open_model(path: Path, engine_class) -> tuple[Model, Source | None]:
    """The model of a checkpoint (or of a run's newest one) and the evaluation source that its configuration names."""
    saved = checkpoint.load(checkpoint.resolve(Path(path)))
    method = build(Method, saved.state["config"]["method"], "method")
    engine = engine_class(method, saved.model, AdamW())
    evaluation = saved.state["config"].get("data", {}).get("evaluate")
    source = build(Source, evaluation, "data.evaluate") if evaluation else None
    return Model(engine, method, from_json(saved.state["tokenizer"])), source
