"""The built-in source: real handwritten digits (scikit-learn's) in colour on textured ground. No download, true labels.

Some of the handwriting is never seen in training: the digit images, not the scenes, are split into train and held-out.
Every scene is a pure function of (seed, split, index), drawn when it is asked for.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Le

from tandemclip.core.bounds import Natural, Share
from tandemclip.core.data.records import Object, Record
from tandemclip.core.data.scenes.drawing import draw, mask, projected_crop, region
from tandemclip.core.data.scenes.plan import COLORS, DIGITS, Digit, Plan, plan, with_article
from tandemclip.core.data.sources.source import Source
from tandemclip.core.identity import Identity, of_bytes
from tandemclip.core.random import generator


@dataclass(frozen=True)
class Scenes(Source):
    """`count` scenes of `size` x `size` pixels with 1 to `digits` digits each, all these numbers equally often.

    Captions are "a red seven and a blue two", summaries "red seven and blue two", phrases "red seven". With
    `size_words` digits are small or large and named so. An object's confidence is its side / `size`, its feature
    [roi_dim] the `projected_crop` of its square, its category the digit, its attributes the other words ("small",
    "red"), its mask the ink. Scenes with one digit carry "digit" and "color", and the one that `label` names as their
    class.

    size: the side of a picture, in pixels. count: how many scenes. colors: how many. digits: the most in one scene.
    split: whose handwriting. seed: of the scenes; the run's own seed orders them. roi_dim: the length of an object's
    feature. size_words: digits are small or large, and named so. label: what the class of a scene is.
    noise: the probability of each of three defects of image-text data (PyramidCLIP, section 1). Redundant captions:
    irrelevant words in the caption, not in the summary. Missing objects: caption and summary omit one of several
    digits, or the list of objects is missing. Irrelevant regions: coloured clutter behind the digits, in no text.
    """

    size: Annotated[int, Ge(16), Le(1024)] = 48
    count: Annotated[int, Ge(1), Le(10**9)] = 12_000
    colors: Annotated[int, Ge(1), Le(len(COLORS))] = 4
    digits: Annotated[int, Ge(1), Le(3)] = 2
    split: Literal["train", "held_out"] = "train"
    seed: Natural = 0
    noise: Share = 0.0
    roi_dim: Annotated[int, Ge(1), Le(4096)] = 64
    size_words: bool = False
    label: Literal["digit", "color"] = "digit"

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Record:
        if not 0 <= index < self.count:
            raise IndexError(index)
        rng = self._rng(index)
        scene = self._plan(rng)
        pixels = draw(rng, scene, self._handwriting[0], self.size)
        first = scene.digits[0]
        attributes = {"digit": first.digit, "color": first.color} if len(scene.digits) == 1 else {}
        return Record(
            key=f"scenes/{self.split}/{self.seed}/{index:06d}",
            image=pixels,
            captions=(scene.caption,),
            summary=scene.summary,
            objects=self._objects(scene, pixels) if scene.lists_objects else (),
            label=attributes.get(self.label),
            attributes=attributes,
        )

    @property
    def class_names(self) -> tuple[str, ...]:
        return DIGITS if self.label == "digit" else COLORS[: self.colors]

    @property
    def categories(self) -> tuple[str, ...]:
        return DIGITS

    @property
    def prompts(self) -> dict[str, list[list[str]]]:
        """For each attribute and class the texts whose mean feature is its zero-shot classifier: every digit in all
        colours, every colour with all digits."""
        digits, colors = DIGITS, COLORS[: self.colors]
        return {
            "digit": [[with_article(f"{color} {digit}") for color in colors] for digit in digits],
            "color": [[with_article(f"{color} {digit}") for digit in digits] for color in colors],
        }

    def identity(self) -> dict[str, Identity]:
        drawn_by = json.dumps(asdict(self), sort_keys=True).encode()
        return {"scenes": of_bytes([drawn_by], "built in", self.count, "records")}

    def texts(self, limit: int) -> Iterator[str]:
        """Captions, summaries and phrases of the first `limit` scenes, without drawing them: to train a tokenizer."""
        for index in range(min(limit, self.count)):
            scene = self._plan(self._rng(index))
            yield scene.caption
            yield scene.summary
            yield from (thing.phrase for thing in scene.digits)

    @cached_property
    def _handwriting(self) -> tuple[np.ndarray, np.ndarray]:
        """(images [M, 8, 8] float32 in 0..1, labels [M]) of this split. Travels with the pickled source, so that worker
        processes need not import scikit-learn."""
        from sklearn.datasets import load_digits

        data = load_digits()
        order = generator("handwriting").permutation(len(data.target))
        held_out = len(order) // 5
        chosen = order[:held_out] if self.split == "held_out" else order[held_out:]
        return (data.images[chosen] / 16).astype(np.float32), data.target[chosen]

    def __getstate__(self) -> dict:
        _ = self._handwriting
        return self.__dict__

    def _rng(self, index: int) -> np.random.Generator:
        return generator(self.seed, self.split, index, "scene")

    def _plan(self, rng) -> Plan:
        wanted = {name: getattr(self, name) for name in ("size", "colors", "digits", "size_words", "noise")}
        return plan(rng, self._handwriting[1], **wanted)

    def _objects(self, scene: Plan, pixels: np.ndarray) -> tuple[Object, ...]:
        return tuple(self._object(thing, pixels) for thing in scene.digits)

    def _object(self, thing: Digit, pixels: np.ndarray) -> Object:
        square = thing.square
        edges = (square.left, square.top, square.left + square.side, square.top + square.side)
        *attributes, category = thing.phrase.split()
        return Object(
            box=tuple(edge / self.size for edge in edges),
            phrase=thing.phrase,
            confidence=square.side / self.size,
            feature=projected_crop(region(pixels, square), self.roi_dim),
            category=category,
            attributes=tuple(attributes),
            mask=mask(self._handwriting[0][thing.image], square, self.size),
        )
