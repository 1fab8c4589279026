"""What the words of a page mean, so that it can be read by somebody who has no manual."""

from collections.abc import Iterable

# By how a protocol or a metric is called, or the last part of it.
TERMS = {
    "zero_shot": "a picture is of the class whose texts it is nearest to",
    "own_classes": "a picture is of the class that the model itself gives",
    "k_nearest": "a picture is of the class of the nearest pictures that it may learn from",
    "linear_probe": "a linear classifier is learned on features of length 1, the image tower stays as it is",
    "parametric_probe": "a linear classifier is learned on the features as they are, the image tower stays as it is",
    "few_shot": "a linear classifier is learned from a few pictures of each class",
    "label_mapping": "the classes that the model has learned stand for those of the data set",
    "retrieval": "a picture looks for its texts among all texts, and a text for its picture",
    "top1": "the share of pictures whose class comes first",
    "top5": "the share of pictures whose class is among the first five",
    "mean_per_class": "the mean of the shares of top1 of all classes",
    "map11": "the mean of the classes' average precision at 11 recalls (PASCAL VOC 2007)",
    "roc_auc": "how often a picture with the class stands before one without",
    "i2t": "a picture looks for texts",
    "t2i": "a text looks for pictures",
    "R@K": "the share that finds a right one among the first K",
}


def explained(words: Iterable[str]) -> dict[str, str]:
    """{word: what it means} of those that protocols and metrics are made of, e.g. "few_shot shots=4", "i2t/R@5"."""
    parts = {part for word in words for part in word.replace("/", " ").split()}
    parts |= {"R@K"} if any(part.startswith("R@") for part in parts) else set()
    return {word: meaning for word, meaning in TERMS.items() if word in parts}
