"""A text that is one vector."""

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core.data.tokenizers.trained import TrainedTokenizer
from tandemclip.core.data.views.view import batch_arrays
from tandemclip.core.methods.features import START
from tandemclip.core.methods.unicl import UniCL
from tandemclip.core.random import generator
from tandemclip.core.spec import initial_weights
from tandemclip.core.towers.resnet import ResNet
from tandemclip.core.towers.text_embedding import TextEmbedding
from tandemclip.core.training.update import AdamW

NAMES = ["tree frog", "tailed frog", "ox"]
METHOD = UniCL(ResNet(16, (1, 1), 6, width=4, stem="tiny"), TextEmbedding(vocab_size=7, embed_dim=6))


@pytest.mark.parametrize("backend", backends.names())
def test_a_class_is_its_row_and_learns_alone(backend):
    weights = initial_weights(METHOD, 0)
    engine = backends.load(backend)(METHOD, weights, AdamW())
    ids = TrainedTokenizer.train(NAMES, 7, level="text")(NAMES, METHOD.text.context_length)
    rows = weights["text.tokens"][ids[:, 1]]
    np.testing.assert_allclose(engine.encode_text(ids), rows / np.linalg.norm(rows, axis=1, keepdims=True), atol=1e-6)

    (shape, dtype) = batch_arrays(METHOD.views(), 3)["image"]
    images = generator("embedding").standard_normal(shape).astype(dtype)
    labels = np.array([[0, 1], [0, 2], [0, 1]], np.int32)
    batch = {"image": images, "text": ids[[0, 2, 0]], "text_label": labels}
    gradient = engine.named_gradients(engine.backward(batch, START))["text.tokens"]
    assert {*np.flatnonzero(np.abs(gradient).max(1))} == {*ids[[0, 2], 1]}
