"""The records whose image and captions go together best, as LAION was filtered from what the web has."""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from tandemclip.core.console.progress import Progress
from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.features import comparable
from tandemclip.core.preparation.ledger import Ledger
from tandemclip.core.preparation.threads import in_order
from tandemclip.core.random import generator
from tandemclip.core.serving.model import Model

LEDGER = "similarities.jsonl"
PIECE = 1000  # records whose similarities are kept at a time
DIGITS = 6  # engines agree to about as many


def similarities(source: Source, model: Model, ledger: Ledger) -> tuple[np.ndarray, list[dict]]:
    """-> ([records] float64: cosine of a record's image and caption, NaN where it is broken; the broken ones by key and
    why)

    The mean over several captions, as training draws one of them. Goes on where `ledger` ends.
    """
    with Progress("similarities", len(source), min(len(ledger.done) * PIECE, len(source))) as progress:
        for start in range(len(ledger.done) * PIECE, len(source), PIECE):
            values, broken = _piece(source, model, range(start, min(start + PIECE, len(source))), progress)
            ledger.add({"similarity": values, "broken": broken})
    values = [value for piece in ledger.done for value in piece["similarity"]]
    return np.array(values, np.float64), [
        entry for piece in ledger.done for entry in piece["broken"]
    ]  # None becomes NaN


def top(similarity: np.ndarray, count: int) -> np.ndarray:
    """The numbers of the `count` most similar records in rising order; of equally similar ones the first."""
    usable = int(np.isfinite(similarity).sum())
    if count > usable:
        raise UserError(
            f"--top is {count}, and {usable} of {len(similarity)} records can be used; ask for at most as many"
        )
    return np.sort(np.argsort(-similarity, kind="stable")[:count])  # NaN stand last


def _piece(source, model, numbers: range, progress: Progress) -> tuple[list[float | None], list[dict]]:
    view, rng = model.method.inference_view(), generator("no draw")

    def read(number: int):
        try:
            record = source[number]
            if not record.captions:
                raise BrokenRecord(record.key, "it has no caption")
            return view(record, rng, model.tokenizer)[""], record.captions
        except BrokenRecord as error:
            return error

    values, broken, read_ahead = [], [], in_order(read, numbers)
    while batch := list(islice(read_ahead, model.batch_size)):
        whole = [item for item in batch if not isinstance(item, BrokenRecord)]
        found = _similarity(model, whole)
        values += [None if isinstance(item, BrokenRecord) else round(next(found), DIGITS) for item in batch]
        broken += [{"key": item.key, "why": item.why} for item in batch if isinstance(item, BrokenRecord)]
        progress.advance(len(batch))
    return values, broken


def _similarity(model: Model, pairs: list[tuple[np.ndarray, tuple[str, ...]]]) -> Iterator[float]:
    """pairs: (image [3, side, side], captions), at most a batch."""
    if not pairs:
        return
    images = model.encode("encode_image", np.stack([image for image, _ in pairs]), model.batch_size)
    images = comparable(model.method, images, "image features")
    texts = model.encode_texts([text for _, captions in pairs for text in captions])
    texts = comparable(model.method, texts, "caption features")
    ends = np.cumsum([len(captions) for _, captions in pairs])
    for image, own in zip(images, np.split(texts, ends[:-1])):
        yield float(np.mean(model.similarity(image[None], own)))
