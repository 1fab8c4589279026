"""Whether captions belong to their images, by the data alone."""

import numpy as np
import pytest

from tandemclip.core.data.sources.shards import Shards
from tandemclip.core.data.tokenizers.clip import ClipTokenizer
from tandemclip.core.data.views.image import CentreView
from tandemclip.core.random import generator
from tandemclip.core.training.diagnosis.pairing import PAIRS, relation


def pairs(count, told, rng):
    """Images of one of eight colours; captions that name it with probability `told`, among twelve other words."""
    colour = rng.integers(8, size=count)
    images = rng.standard_normal((count, 3, 8, 8)) * 0.3 + rng.standard_normal((8, 3))[colour][:, :, None, None]
    named = np.where(rng.random(count) < told, colour, rng.integers(8, size=count))
    ids = np.concatenate([named[:, None] + 1, rng.integers(9, 21, size=(count, 4)), np.zeros((count, 2))], 1)
    return images.astype(np.float32), ids.astype(np.int32)


def test_pairs_that_belong_together_are_told_from_those_that_do_not():
    rng = generator("pairs")
    assert relation(*pairs(PAIRS, 1.0, rng), rng) > 40
    assert relation(*pairs(PAIRS, 0.3, rng), rng) > 4
    unrelated = [relation(*pairs(PAIRS, 0.0, rng), rng) for _ in range(5)]
    assert max(np.abs(unrelated)) < 4


def test_shifted_captions_are_unrelated():
    rng = generator("shifted")
    images, ids = pairs(PAIRS, 1.0, rng)
    assert abs(relation(images, np.roll(ids, 1, 0), rng)) < 4


@pytest.mark.parametrize("what", [0, 1])
def test_what_does_not_vary_is_unrelated(what):
    arrays = list(pairs(64, 1.0, generator("constant")))
    arrays[what] = np.repeat(arrays[what][:1], 64, 0)
    assert relation(*arrays, generator("r")) == 0.0


def test_real_photos_and_free_captions(shared):
    source = Shards((str(shared / "data" / "flickr8k_entities" / "dev" / "*.tar"),))
    view, tokenizer, rng = CentreView(32), ClipTokenizer(), generator("photos")
    records = [source[number] for number in range(PAIRS)]
    images = np.stack([view(record, rng, tokenizer)[""] for record in records])
    ids = tokenizer([record.captions[0] for record in records], 40)
    assert relation(images, ids, rng) > 4
    assert abs(relation(images, np.roll(ids, 1, 0), rng)) < 4
