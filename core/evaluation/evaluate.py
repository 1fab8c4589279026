"""Evaluate a model on a source: by its own classes, zero-shot, by a linear probe, or by retrieval."""

import numpy as np

from tandemclip.core.data.loading.loader import evaluation_batches
from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.data.sources.linear_probe import LinearProbe
from tandemclip.core.data.sources.one_by_one import OneByOne
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.sources.together import Together
from tandemclip.core.data.views.label import LabelView
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.linear_probe import predict
from tandemclip.core.evaluation.protocols.retrieval import METRICS, recall
from tandemclip.core.evaluation.protocols.zero_shot import accuracy, class_embeddings, classify
from tandemclip.core.hits import Hits
from tandemclip.core.serving.model import Model

TOP1, LINEAR_PROBE = "top1", "linear_probe"


def evaluate(model: Model, source: Source) -> dict[str, Hits]:
    """Metrics by name, as the hits of each record: "top1", "zero_shot/digit", ... or "i2t/R@1", ..., "t2i/R@10".

    A source with `prompts` {attribute: texts of each class} is classified, by the attributes of its records, or by
    their label where the attribute is "class" ("top1"); any other is searched: every caption against every image. A
    method with classes of its own is asked for those: "top1", too. Of a `linear_probe` of sources, for any method:
    "linear_probe".
    """
    return _way(model.method, source)[1](model, source)


def metric_names(method, source: Source) -> list[str]:
    """What `evaluate` measures on this source. Raises UserError where it could not."""
    return _way(method, source)[0]


def _way(method, source):
    """(names of the metrics, what measures them of a model and the source)"""
    if isinstance(source, OneByOne):
        parts = zip(source.names, source.sources)
        return [f"{name}/{metric}" for name, part in parts for metric in metric_names(method, part)], _one_by_one
    if isinstance(source, LinearProbe):
        if source.learn.class_names != source.class_names:
            raise UserError(
                f"linear_probe: {len(source.learn.class_names)} classes are learned and {len(source.class_names)} others asked; give "
                "two sources with the same classes in the same order"
            )
        return [LINEAR_PROBE], _linear_probe
    if isinstance(source, Together) and any(source.class_spaces().values()):
        raise UserError(
            "data.evaluate puts several sources with classes together; evaluate each by itself, with type: one_by_one"
        )
    if method.classes:
        return [TOP1], _own_classes
    if method.text is None:
        raise UserError(f"{type(method).__name__} has neither texts nor classes; let data.evaluate be a linear_probe")
    if prompts := getattr(source, "prompts", None):
        return [_name(attribute) for attribute in prompts], _zero_shot
    return list(METRICS), _retrieval


def _name(attribute):
    return TOP1 if attribute == "class" else f"zero_shot/{attribute}"


# ------------------------------------------------------------------ the ways
def _one_by_one(model, several):
    found, start = {}, 0
    for name, source in zip(several.names, several.sources):
        for metric, hits in evaluate(model, source).items():
            found[f"{name}/{metric}"] = hits.among(start, len(several))
        start += len(source)
    return found


def _linear_probe(model, source):
    learned, labels = _with_class(model, source.learn, "encode_features")
    asked, label = _with_class(model, source.source, "encode_features")
    return {LINEAR_PROBE: _class_hits(predict(learned[labels >= 0], labels[labels >= 0], asked), label)}


def _own_classes(model, source):
    scores, label = _with_class(model, source, "classify", model.method.classes)
    return {TOP1: _class_hits(scores.argmax(1), label)}


def _zero_shot(model, source):
    texts, metrics = source.prompts, {}  # made anew whenever they are asked for
    encoded = _encode(model, source, {name: LabelView(None if name == "class" else name) for name in texts})
    for attribute, prompts in texts.items():
        known = encoded[attribute] >= 0
        if not known.any():
            raise UserError(f"no record of the evaluation source has a {attribute}; they need one (NNN.cls in shards)")
        ranked = classify(encoded["features"][known], class_embeddings(model.encode_texts, prompts))
        right = np.zeros(len(known), bool)
        right[known] = accuracy(ranked, encoded[attribute][known], len(prompts)).right
        metrics[_name(attribute)] = Hits(right, known)
    return metrics


def _retrieval(model, source):
    try:
        captions = [source[i].captions for i in range(len(source))]
    except BrokenRecord as error:
        raise UserError(f"evaluation: record {error}; repair it or take it out of the data") from error
    if not any(captions):
        raise UserError("the evaluation source has neither classes nor captions; name one that has, with data.evaluate")
    owner = np.array([i for i, texts in enumerate(captions) for _ in texts])
    texts = model.encode_texts([text for texts in captions for text in texts])
    return recall(_encode(model, source, {})["features"], texts, owner)


# ------------------------------------------------------------------ their parts
def _with_class(model, source, what, classes=None):
    """[N, D], [N] int: -1 where a record has no class."""
    encoded = _encode(model, source, {"class": LabelView(classes=classes)}, what)
    if (encoded["class"] < 0).all():
        raise UserError("no record of the evaluation source has a class; they need one (NNN.cls in shards)")
    return encoded["features"], encoded["class"]


def _class_hits(predicted, label):
    return Hits((predicted == label) & (label >= 0), label >= 0)


def _encode(model, source, labels, what="encode_image"):
    """{"features": [N, D], label name: [N]} of every record, in the source's order."""
    views, parts = {"image": model.method.inference_view(), **labels}, []
    for batch, rows in evaluation_batches(source, views, model.tokenizer, model.batch_size):
        features = model.engine.apply(what, batch.pop("image"))
        parts.append({name: array[:rows] for name, array in {"features": features, **batch}.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
