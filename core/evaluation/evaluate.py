"""Evaluate a model on a source: zero-shot where the source knows its classes, retrieval where it has captions."""

import numpy as np

from tandemclip.core.data.loader import evaluation_batches
from tandemclip.core.data.views import LabelView
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.retrieval import recall
from tandemclip.core.evaluation.zero_shot import accuracy, class_embeddings, classify


def evaluate(engine, method, tokenizer, source, batch_size: int = 100) -> dict[str, float]:
    """Metrics by name, in percent: "zero_shot/digit", ... or "i2t/R@1", "t2i/R@10", ...

    batch_size: rows encoded at once; the last batch is filled up, as compiled engines want fixed shapes.
    """
    encode_texts = lambda texts: _encode_texts(engine, method, tokenizer, texts, batch_size)
    prompts = getattr(source, "prompts", None)
    if prompts:
        return _zero_shot(engine, method, tokenizer, source, batch_size, prompts, encode_texts)
    captions = [source[i].captions for i in range(len(source))]
    if not any(captions):
        raise UserError("the evaluation source has neither classes nor captions; name one that has, with data.evaluate")
    images = _encode_images(engine, method, tokenizer, source, batch_size, {})["features"]
    owner = np.array([i for i, texts in enumerate(captions) for _ in texts])
    found = recall(images, encode_texts([text for texts in captions for text in texts]), owner)
    return {f"{way}/R@{k}": 100 * rate for way, rates in found.items() for k, rate in rates.items()}


def _zero_shot(engine, method, tokenizer, source, batch_size, prompts, encode_texts):
    labels = {attribute: LabelView(attribute) for attribute in prompts}
    encoded = _encode_images(engine, method, tokenizer, source, batch_size, labels)
    metrics = {}
    for attribute, by_class in prompts.items():
        known = encoded[attribute] >= 0
        if not known.any():
            raise UserError(f"no record of the evaluation source has a {attribute}; use one with one object a scene")
        classes = class_embeddings(encode_texts, by_class)
        ranked = classify(encoded["features"][known], classes)
        metrics[f"zero_shot/{attribute}"] = 100 * accuracy(ranked, encoded[attribute][known], len(by_class)).top1
    return metrics


def _encode_images(engine, method, tokenizer, source, batch_size, labels):
    """{"features": [N, D], label name: [N]} of every record, in the source's order."""
    views, parts = {"image": method.inference_view(), **labels}, []
    for batch, rows in evaluation_batches(source, views, tokenizer, batch_size):
        features = engine.encode_image(batch.pop("image"))
        parts.append({name: array[:rows] for name, array in {"features": features, **batch}.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _encode_texts(engine, method, tokenizer, texts, batch_size):
    """[len(texts), D]"""
    ids = tokenizer(texts, method.text.context_length)
    padded = np.concatenate([ids, np.repeat(ids[-1:], -len(ids) % batch_size, 0)])
    parts = [engine.encode_text(padded[i : i + batch_size]) for i in range(0, len(padded), batch_size)]
    return np.concatenate(parts)[: len(ids)]
