"""A loss that stays at guessing: what is wrong, found by looking. Everything here is a function of what was seen.

A contrastive loss over N pairs that tells nothing is ln N, whatever the temperature and the smoothing of the targets.
Runs that stay there are what people ask about most; the causes below are those that were behind it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tandemclip.core.data.records import Record
from tandemclip.core.data.views.text import LABEL
from tandemclip.core.data.views.view import View
from tandemclip.core.methods.method import AUXILIARY
from tandemclip.core.training.diagnosis.batch_views import images_of, texts_of
from tandemclip.core.training.engine import Arrays
from tandemclip.core.training.schedule import Schedule

NEAR = 0.02  # of ln N
SMALL_UPDATE, SMALL_JOURNEY = 1e-5, 0.01  # of the norm of the weights: one update, all of the run's
REPEATS = 0.25  # of ln N: what repeated captions alone keep the loss at
LABELLED = 0.9  # the same of labels, where equal ones are meant to be
COLLAPSED = 0.99  # mean cosine of two samples
RELATED = 4.0  # standard deviations of `pairing.relation` and `nearer`


@dataclass(frozen=True)
class Seen:
    """A run that does not learn, as `advice.look` finds it."""

    rows: Sequence[dict]  # of the journal, the last one last
    batch: Arrays
    views: dict[str, View]  # of the method
    records: Sequence[Record]  # some others
    pairs: dict[str, float]  # `pairing.relation` of each view of text
    trained: dict[str, bool]  # every parameter by name: does it change?
    gradients: Arrays
    weights: float  # the norm of those that change
    images: np.ndarray  # [n, ...], features of rows of the batch
    texts: np.ndarray
    schedule: Schedule
    largest_scale: float | None  # what logit_scale is clamped to


def stuck(rows: Sequence[dict], batch_size: int, guessing: Sequence[str] | None = None) -> tuple[str, float] | None:
    """(name, mean over `rows`) of the first term that is no better than guessing; None where each is better.

    Guessing among N = `batch_size` costs ln N; a mean of at least 0.98 ln N is no better. The loss is looked at first,
    then the named terms. The loss alone would not do: one term may learn while another does not, and a term whose
    samples lack an object guesses among fewer than N. guessing: the terms that are looked at instead (Method.guessing).
    """
    named = [{"loss": row["loss"], **row["terms"]} for row in rows]
    means = {name: float(np.mean([values[name] for values in named])) for name in named[0]}
    limit = (1 - NEAR) * np.log(batch_size)
    looked_at = means if guessing is None else guessing
    return next(((name, means[name]) for name in looked_at if means[name] >= limit), None)


def nearer(similarity: np.ndarray) -> float:
    """How much nearer right pairs are than wrong ones in [n, n], images by their texts, in standard errors: the first
    sign of learning.
    """
    gains = np.diag(similarity) - (similarity.mean(0) + similarity.mean(1)) / 2
    return float(gains.mean() / max(gains.std() / len(gains) ** 0.5, 1e-12))


def causes(seen: Seen) -> list[str]:
    """What is wrong, a sentence each, the surest first; [] where nothing was found."""
    data = [*_images(seen), *_captions(seen)]
    data = data or list(_pairs(seen))
    training = [*_towers(seen), *_rate(seen), *_scale(seen)]
    return data + training or list(_collapse(seen))


def _images(seen) -> Iterator[str]:
    read = [record.image if isinstance(record.image, bytes) else record.image.tobytes() for record in seen.records]
    views = {name: [row.tobytes() for row in array] for name, array in images_of(seen.views, seen.batch).items()}
    for place, images in {
        "read from the data": read,
        **{f"of a batch ({name})": rows for name, rows in views.items()},
    }.items():
        equal = max(Counter(images).values(), default=0)
        if 2 * equal > len(images) > 1:
            yield f"{equal} of {len(images)} images {place} are the same: look at the files"
            return


def _captions(seen) -> Iterator[str]:
    for name, ids in texts_of(seen.views, seen.batch).items():
        labels = seen.batch.get(name + LABEL)  # whose equal rows are positives of each other
        what, rows, limit = ("captions", ids, REPEATS) if labels is None else ("labels", labels, LABELLED)
        _, which, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
        floor = float(np.mean(np.log(counts[which.ravel()])))  # among g equal ones nobody can tell which is whose
        if floor > limit * np.log(len(rows)):
            advice = (
                "look at the captions, or take a smaller batch"
                if labels is None
                else "look at the classes: a batch needs several"
            )
            yield (
                f"{what} repeat: the {len(rows)} of a batch ({name}) are {len(counts)} different ones, which alone "
                f"keep the loss above {floor:.2f}; {advice}"
            )


def _pairs(seen) -> Iterator[str]:
    for name, related in seen.pairs.items():
        if related < RELATED:
            examples = " and ".join(
                f"{record.key} with {record.captions[0]!r}" for record in seen.records[:2] if record.captions
            )
            yield (
                f"images and captions ({name}) do not seem to belong together: colours and words have no more to do "
                f"with each other than in wrong pairs ({related:.1f} standard deviations; {RELATED:.0f} would be a "
                f"sign): look at {examples}"
            )


def _towers(seen) -> Iterator[str]:
    parts: dict[str, list[str]] = {}
    for name in seen.trained:
        if "." in name and not name.startswith(AUXILIARY):
            parts.setdefault(name.split(".")[0], []).append(name)
    for part, names in parts.items():
        trained = [name for name in names if seen.trained[name]]
        if not trained:
            yield f"all {len(names)} parameters of {part} are frozen"
        elif not any(np.any(seen.gradients[name]) for name in trained):
            yield f"no gradient reaches {part}: it is exactly zero for each of its {len(trained)} parameters"


def _rate(seen) -> Iterator[str]:
    steps, warmup = seen.schedule.steps, seen.schedule.warmup
    update = max(row["update_norm"] for row in seen.rows) / seen.weights
    rate = max(row["learning_rate"] for row in seen.rows)
    if update < SMALL_UPDATE or update * steps < SMALL_JOURNEY:
        yield (
            f"the learning rate is too small: at {rate:.1e} an update changes the weights by {update:.1e} of their "
            f"norm, all {steps} together by {update * steps:.1e} at most; raise training.learning_rate (1e-4 to 1e-3 "
            "is usual)"
        )
    elif 2 * warmup > steps:
        yield f"the warm-up takes {warmup} of the {steps} steps: shorten training.warmup, or train longer"


def _scale(seen) -> Iterator[str]:
    scale = seen.rows[-1]["logit_scale"]
    if scale is not None and seen.largest_scale is not None and scale >= seen.largest_scale - 1e-3:
        limit = f"exp {np.exp(scale):.0f}"
        yield f"logit_scale stands at its limit ({limit}): lower training.learning_rate, or warm up longer"


def _collapse(seen) -> Iterator[str]:
    cosines = [_mean_cosine(seen.images), _mean_cosine(seen.texts)]
    if min(cosines) > COLLAPSED:
        rate = max(row["learning_rate"] for row in seen.rows)
        yield (
            f"the features have collapsed, though the data differ: any two images have a cosine of {cosines[0]:.4f}, "
            f"any two captions {cosines[1]:.4f}: the learning rate ({rate:.1e}) is too high or the warm-up "
            f"({seen.schedule.warmup}) short"
        )


def _mean_cosine(features):  # [n, ...]
    count = len(features)
    features = features.reshape(count, -1).astype(np.float64)
    features = features / np.linalg.norm(features, axis=1, keepdims=True)
    return float((np.sum(np.sum(features, 0) ** 2) - count) / (count * (count - 1)))
