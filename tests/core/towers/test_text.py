"""Padding that nobody reads may be left out; padding that somebody reads may not."""

from dataclasses import replace

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.backends.recorder.draws import training_views
from tandemclip.core.data.views.view import batch_arrays
from tandemclip.core.spec import initial_weights
from tandemclip.core.towers.text import TextTransformer
from tandemclip.core.training.config import read
from tandemclip.core.training.update import AdamW

LENGTH, END = 12, 39
TOWER = TextTransformer(vocab_size=40, context_length=LENGTH, width=16, layers=2, heads=2, embed_dim=8)


def captions(rng, lengths):
    """Start, words, end, zeros."""
    ids = np.zeros((len(lengths), LENGTH), np.int32)
    for row, length in zip(ids, lengths):
        row[:length] = [38, *rng.integers(1, 38, length - 2), END]
    return ids


@pytest.mark.parametrize("lengths", [(2, 2, 2), (5, 2, 7), (LENGTH, 3, 4)])
def test_features_need_no_more_than_the_longest_text(lengths):
    ids = captions(np.random.default_rng(0), lengths)
    assert TOWER.length(ids) == max(lengths)
    engine = backends.load("torch").float64(TOWER, initial_weights(TOWER, 1), AdamW())
    forward = lambda ids: engine.apply("__call__", ids)
    assert np.abs(forward(ids[:, : max(lengths)]) - forward(ids)).max() < 1e-12
    assert np.abs(forward(ids[:, : max(lengths) - 1]) - forward(ids)).max() > 1e-3


def test_a_maximum_over_positions_reads_the_padding():
    assert replace(TOWER, pool="max").length(captions(np.random.default_rng(0), (2, 3))) == LENGTH


def test_all_texts_of_a_method_keep_one_length(root):
    """PyramidCLIP encodes its texts as one batch; images and masks stay as they are."""
    method = read(root / "configs" / "pretrain" / "tiny_pyramidclip_vit.yaml")[0].method
    batch = {name: np.ones(shape, dtype) for name, (shape, dtype) in batch_arrays(training_views(method), 3).items()}
    for name, lengths in {"text_summary": (2, 3, 2), "text_caption": (4, 5, 3), "text_objects": (2, 2, 2)}.items():
        if name in batch:
            batch[name] = captions(np.random.default_rng(1), lengths)
    short = method.cut(batch, method.length(batch))
    texts = {name for name in batch if name.startswith("text_")}
    assert texts and {short[name].shape for name in texts} == {
        (3, max(method.text.length(batch[name]) for name in texts))
    }
    assert all(short[name] is batch[name] for name in batch.keys() - texts)


def test_initial_deviations():
    """CLIP's by depth and width; released UniCL's 0.02 everywhere but q, k, v (xavier over the fused matrix), biases at
    0.
    """
    wide = replace(TOWER, width=64, heads=4)
    deviation = lambda tower: {
        name: float(array.std()) for name, array in initial_weights(tower, 0).items() if array.ndim == 2
    }
    clip, small = deviation(wide), deviation(replace(wide, initial="0.02"))
    wanted = {
        "tokens": 0.02,
        "positions": 0.01,
        "projection.weight": 64**-0.5,
        "blocks.0.attention.qkv.weight": 64**-0.5,
    }
    wanted |= {
        "blocks.0.feed_forward.expand.weight": 128**-0.5,
        "blocks.0.feed_forward.shrink.weight": (64 * 4) ** -0.5,
    }
    assert {name: clip[name] for name in wanted} == pytest.approx(wanted, rel=0.1)
    xavier = (6 / (4 * 64)) ** 0.5 / 3**0.5
    assert small == pytest.approx({name: xavier if "qkv" in name else 0.02 for name in small}, rel=0.1)
    biases = {n: a for n, a in initial_weights(replace(wide, initial="0.02"), 0).items() if n.endswith("bias")}
    assert len(biases) == 13 and not any(array.any() for array in biases.values())
