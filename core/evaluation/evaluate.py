"""Evaluate a model on a source: by its own classes, zero-shot where the source knows classes, retrieval where it has captions."""

import numpy as np

from tandemclip.core.data.loader import evaluation_batches
from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.data.sources import Source
from tandemclip.core.data.views import LabelView
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.hits import Hits
from tandemclip.core.evaluation.retrieval import METRICS, recall
from tandemclip.core.evaluation.zero_shot import accuracy, class_embeddings, classify
from tandemclip.core.model import Model


def evaluate(model: Model, source: Source) -> dict[str, Hits]:
    """Metrics by name, as the hits of each record: "zero_shot/digit", ... or "i2t/R@1", ..., "t2i/R@10".

    A source with `prompts` {attribute: texts of each class} is classified, by the attributes of its records, or by their
    label where the attribute is "class"; any other is searched: every caption against every image. A method with classes of its
    own is asked for those: "top1".
    """
    if model.method.classes:
        return _own_classes(model, source)
    if model.method.text is None:
        raise UserError(f"{type(model.method).__name__} has neither texts nor classes to be evaluated by; leave data.evaluate out")
    if getattr(source, "prompts", None):
        return _zero_shot(model, source)
    try:
        captions = [source[i].captions for i in range(len(source))]
    except BrokenRecord as error:
        raise UserError(f"evaluation: record {error}; repair it or take it out of the data") from error
    if not any(captions):
        raise UserError("the evaluation source has neither classes nor captions; name one that has, with data.evaluate")
    owner = np.array([i for i, texts in enumerate(captions) for _ in texts])
    texts = model.encode_texts([text for texts in captions for text in texts])
    return recall(_encode(model, source, {})["features"], texts, owner)


def metric_names(method, source: Source) -> list[str]:
    """What `evaluate` measures on this source."""
    if method.classes:
        return ["top1"]
    if getattr(source, "prompts", None):
        return [f"zero_shot/{attribute}" for attribute in source.prompts]
    return list(METRICS)


def _zero_shot(model, source):
    encoded = _encode(model, source, {name: LabelView(None if name == "class" else name) for name in source.prompts})
    metrics = {}
    for attribute, prompts in source.prompts.items():
        known = encoded[attribute] >= 0
        if not known.any():
            raise UserError(f"no record of the evaluation source has a {attribute}; they need one (NNN.cls in shards)")
        ranked = classify(encoded["features"][known], class_embeddings(model.encode_texts, prompts))
        right = np.zeros(len(known), bool)
        right[known] = accuracy(ranked, encoded[attribute][known], len(prompts)).right
        metrics[f"zero_shot/{attribute}"] = Hits(right, known)
    return metrics


def _own_classes(model, source):
    encoded = _encode(model, source, {"class": LabelView()}, "classify")
    known = encoded["class"] >= 0
    if not known.any():
        raise UserError("no record of the evaluation source has a class; they need one (NNN.cls in shards)")
    return {"top1": Hits((encoded["features"].argmax(1) == encoded["class"]) & known, known)}


def _encode(model, source, labels, what="encode_image"):
    """{"features": [N, D], label name: [N]} of every record, in the source's order."""
    views, parts = {"image": model.method.inference_view(), **labels}, []
    for batch, rows in evaluation_batches(source, views, model.tokenizer, model.batch_size):
        features = model.engine.apply(what, batch.pop("image"))
        parts.append({name: array[:rows] for name, array in {"features": features, **batch}.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
