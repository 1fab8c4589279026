"""Zero-shot classification: the class whose prompts an image resembles most (arXiv:2103.00020, section 3.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.views.label import LabelView
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.classes import TOP1, class_metrics, class_statistics
from tandemclip.core.evaluation.protocols.features import class_view, comparable, encode, told, unit_rows
from tandemclip.core.evaluation.protocols.texts_read import of_prompts, refuse_textless
from tandemclip.core.serving.model import Model
from tandemclip.core.statistic import Statistic
from tandemclip.core.training.evaluation import Evaluation

ROWS = 4096  # images compared with all classes at a time, to bound memory
CLASS = "class"  # the attribute that is a record's label
Scores = Callable[[np.ndarray], np.ndarray]  # image features [n, ...] -> [n, C]


@dataclass(frozen=True)
class ZeroShot(Evaluation):
    """A source with `prompts`, by the attributes of its records ("zero_shot/digit"), or by their label ("top1", "top5",
    "mean_per_class", of two classes "roc_auc"; "map11" where several classes may be in one picture).

    source: what is asked.
    """

    source: Source

    def metrics(self, method):
        refuse_textless(method)
        prompts = self._prompts().items()
        return [name for attribute, texts in prompts for name in self._names(attribute, len(texts)).values()]

    def measure(self, model):
        texts = self._prompts()
        views = {
            name: class_view(self.source, None) if name == CLASS else LabelView(name) for name, prompts in texts.items()
        }
        encoded = encode(model, self.source, views)
        found = {}
        for attribute, prompts in texts.items():
            names = self.source.listed_classes if attribute == CLASS else ()
            truth = encoded.labels[attribute]
            measured = _measured(model, encoded.features, truth, attribute, prompts, names or _common(prompts))
            found |= {name: measured[metric] for metric, name in self._names(attribute, len(prompts)).items()}
        return found

    def _prompts(self) -> Mapping[str, list[list[str]]]:
        """The source's, which are made anew whenever they are asked for. UserError where it has none."""
        if prompts := self.source.prompts:
            return prompts
        raise UserError(
            "zero_shot: the source does not say what its classes are called, so that there is nothing to ask; give one "
            "that does (a class_folder, shards with `classes`), or let a retrieval search its captions"
        )

    def _names(self, attribute: str, classes: int) -> dict[str, str]:
        """{metric of a classification: what it is called}"""
        if attribute == CLASS:
            return {metric: metric for metric in class_metrics(classes, self.source.multi_label)}
        return {TOP1: f"zero_shot/{attribute}"}


def _measured(
    model: Model, images: np.ndarray, truth: np.ndarray, attribute: str, prompts, names
) -> dict[str, Statistic]:
    if not told(truth).any():
        raise UserError(f"no record of the evaluation source has a {attribute}; they need one (NNN.cls in shards)")
    scores = class_scores(model, prompts)
    remarks = of_prompts(model.reading, prompts)
    images = comparable(model.method, images, "image features")
    parts = (scores(images[start : start + ROWS]) for start in range(0, len(images), ROWS))
    return class_statistics(parts, truth, len(prompts), remarks, names)


def _common(prompts_by_class: list[list[str]]) -> tuple[str, ...]:
    """What classes without names are called: the words that all prompts of each have in common."""
    shared = [[w for w in own[0].split() if all(w in each.split() for each in own)] for own in prompts_by_class]
    return tuple(" ".join(words) or own[0] for words, own in zip(shared, prompts_by_class))


def class_scores(model: Model, prompts_by_class: list[list[str]]) -> Scores:
    """How near images are to each class: to the direction of its prompts; where a method compares in a way of its own,
    the mean of how near they are to each prompt.
    """

    def encode(texts: list[str]) -> np.ndarray:
        return model.encode_ids(model.reading.ids(texts))

    if model.method.by_dot_product:
        classes = class_embeddings(encode, prompts_by_class)
        return lambda images: model.similarity(images, classes)
    texts = encode(_flat(prompts_by_class))
    counts = [len(prompts) for prompts in prompts_by_class]
    starts = np.cumsum([0, *counts[:-1]])
    return lambda images: np.add.reduceat(model.similarity(images, texts), starts, 1) / np.array(counts)


def class_embeddings(encode_texts: Callable[[list[str]], np.ndarray], prompts_by_class: list[list[str]]) -> np.ndarray:
    """One direction a class: the mean of its normalised prompt features, normalised again -> [C, D].

    encode_texts: n prompts -> [n, D]; it is called once with the prompts of all classes and batches as it likes.
    """
    features = unit_rows(encode_texts(_flat(prompts_by_class)), "prompt features")
    ends = np.cumsum([len(prompts) for prompts in prompts_by_class])
    means = [rows.mean(axis=0) for rows in np.split(features, ends[:-1])]
    return unit_rows(np.stack(means), "class features")


def _flat(prompts_by_class: list[list[str]]) -> list[str]:
    empty = [index for index, prompts in enumerate(prompts_by_class) if not prompts]
    if empty or not prompts_by_class:
        raise UserError(
            f"got {len(prompts_by_class)} classes, of which {empty} have no prompt; expected at least one class and one"
            " prompt for each: check the class names and templates"
        )
    return [prompt for of_one_class in prompts_by_class for prompt in of_one_class]
