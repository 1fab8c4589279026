"""A few pairs learned by heart: a set-up that cannot do that will not learn from millions either (open_clip issue
17).
"""

import numpy as np

from tandemclip.core.config.build import build
from tandemclip.core.config.yaml_text import Whole, merge
from tandemclip.core.data.loading.loader import batches
from tandemclip.core.errors import UserError
from tandemclip.core.hits import Hits
from tandemclip.core.training import journal
from tandemclip.core.training.config import Config
from tandemclip.core.training.diagnosis import advice
from tandemclip.core.training.diagnosis.batch_views import pairs_of

LEARNED = 0.9  # of the pairs, in both directions


def overfitting(mapping: dict, count: int) -> tuple[Config, dict]:
    """The same configuration on `count` pairs of its training data; crops, batch and schedule stay as they are."""
    first = Whole({"type": "first", "source": mapping["data"]["train"], "count": count})
    nothing_to_compare = {"keep": {"best": None}, "stop_after": None}
    data = {"train": first, "evaluate": None, "bad_records": None}
    mapping = merge(mapping, {"data": data, "training": nothing_to_compare})
    config = build(Config, mapping)
    if config.method.text is None:
        raise UserError(
            f"--overfit compares images with texts, and {type(config.method).__name__} reads none; leave it out"
        )
    pairs, size = len(config.data.train), config.training.batch_size
    if pairs < size:
        raise UserError(
            f"--overfit has {pairs} pairs and training.batch_size is {size}, so that a batch would hold pairs twice; "
            f"take --overfit {size}, or --set training.batch_size={pairs}"
        )
    return config, mapping


def recalled(similarity: np.ndarray, ids: np.ndarray) -> tuple[dict[str, Hits], float]:
    """Is the caption nearest to an image its own ("overfit/i2t"), and the image nearest to a caption ("overfit/t2i")?

    similarity: [N, N], images by texts; ids [N, L], token ids or labels. And the share that guessing would get right.
    Equal captions are one, whosever they are: nothing could tell them apart.
    """
    _, which = np.unique(ids, axis=0, return_inverse=True)
    equal = which.ravel()[:, None] == which.ravel()
    each = np.arange(len(ids))
    asked, chance = np.ones(len(ids), int), equal.mean(1)
    i2t, t2i = equal[each, similarity.argmax(1)], equal[similarity.argmax(0), each]
    found = {"overfit/i2t": Hits(i2t, asked, chance=chance), "overfit/t2i": Hits(t2i, asked, chance=chance)}
    return found, float(equal.mean())


def _encoded(trainer):
    """Features of images and captions, and what tells captions apart, of each pair once, cut as in training: that is
    what was learned.
    """
    settings, method, parts = trainer.settings, trainer.config.method, []
    size = settings.batch_size // settings.accumulate // trainer.ranks.size  # what fits in memory
    reading = batches(
        trainer.source, method.views(), trainer.tokenizer, batch_size=size, seed=settings.seed, start_step=0,
        stop_step=len(trainer.source) // size,
    )  # fmt: skip
    with reading:
        for batch in reading:
            pairs = pairs_of(method, batch)
            if pairs is None:
                raise UserError(
                    "--overfit compares images with texts, and the method has no view of the size of its towers"
                )
            # what counts as one text: equal labels where texts have them, else equal ids
            which = pairs.ids if pairs.labels is None else pairs.labels
            images, texts = trainer.engine.encode_image(pairs.images), trainer.engine.encode_text(pairs.ids)
            parts.append([x[method.paired(batch)] for x in (images, texts, which)])
    found = [np.concatenate(part) for part in zip(*parts)]
    if not len(found[0]):
        raise UserError(
            f"--overfit has no pairs: none of the {len(trainer.source)} samples has a text that its image is brought to"
        )
    return found


def verdict(trainer) -> tuple[dict[str, Hits], bool, str]:
    """What the trained run knows of its pairs, whether it learned them, and in words.

    Where it did not, it is looked into.
    """
    images, texts, ids = _encoded(trainer)
    found, guessing = recalled(trainer.engine.apply("similarity", images, texts), ids)
    learned = min(hits.share for hits in found.values()) >= LEARNED
    shares = ", ".join(f"{name.removeprefix('overfit/')} {hits.share:.1%}" for name, hits in found.items())
    summary = f"{len(trainer.source)} pairs after {trainer.step} steps: {shares} (guessing: {guessing:.1%})"
    if learned:
        return found, True, f"{summary}: learned by heart, the set-up works"
    causes, learning = _look(trainer)
    if causes:
        return found, False, f"{summary}: not learned; {'; '.join(causes)}"
    more = (
        "train longer (training.steps)"
        if learning
        else "raise training.learning_rate, or train longer (training.steps)"
    )
    return found, False, f"{summary}: not learned, and nothing wrong was found: {more}"


def _look(trainer):
    with trainer.batches(trainer.step + 1) as stream:
        return advice.look(trainer, next(stream), journal.read(trainer.run))
