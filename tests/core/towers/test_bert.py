"""BERT's own parts: what is padding, what is pooled, what is cut. Its numbers are held in tests/core/interop."""

from dataclasses import replace

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.backends.reference.ops import Reference
from tandemclip.core.config.build import build
from tandemclip.core.spec import Run, Scope, count_parameters, initial_weights
from tandemclip.core.towers.bert import Bert, words_there
from tandemclip.core.towers.tower import TextTower
from tandemclip.tests.core.layers.running import random_weights
from tandemclip.tests.parity.interpreters import INTERPRETERS

TOWER = Bert(vocab_size=11, context_length=7, width=8, layers=2, heads=2, embed_dim=6, max_positions=9)
POOLS = ("first", "pooler", "mean")
IDS = np.array([[2, 5, 6, 7, 8, 9, 3], [2, 5, 3, 0, 0, 0, 0], [2, 3, 0, 0, 0, 0, 0], [2, 0, 6, 3, 0, 0, 0]], np.int32)
LENGTHS = [7, 3, 2, 4]


def scope_of(tower, weights=None):
    weights = random_weights(tower) if weights is None else weights
    return Scope(tower, Run(Reference(), weights, False))


@pytest.mark.parametrize("interpreter", ["numpy64", "torch", "mindspore"])
def test_a_text_ends_with_its_last_id_that_is_no_padding(interpreter):
    """Also where an id within it looks like padding; of nothing but padding the first place is left."""
    ids = np.concatenate([IDS, np.zeros((1, 7), np.int32)])
    read = lambda ops, p, inputs: {"mask": words_there(ops, inputs["ids"]), "scalar": ops.sum(p["positions"], (0, 1))}
    weights = {name: w.astype(np.float32) for name, w in random_weights(TOWER).items()}
    found = INTERPRETERS[interpreter](TOWER, weights, {"ids": ids}, read).outputs["mask"]
    assert found.tolist() == [[1.0] * n + [0.0] * (7 - n) for n in (*LENGTHS, 1)]


@pytest.mark.parametrize("pool", POOLS)
def test_what_is_padding_changes_nothing(pool):
    """Each text alone, cut at its end, gives what it gives among longer ones."""
    tower = replace(TOWER, pool=pool)
    scope = scope_of(tower)
    together, (tokens, _) = scope(IDS), scope.tokens(IDS)
    for row, length in enumerate(LENGTHS):
        alone = IDS[[row], :length]
        assert tower.length(IDS[[row]]) == tower.length(alone) == length
        np.testing.assert_allclose(scope(alone)[0], together[row], rtol=0, atol=1e-12)
        np.testing.assert_allclose(scope.tokens(alone)[0][0], tokens[row, :length], rtol=0, atol=1e-12)
    assert tower.length(IDS) == 7 and tower.length(IDS[1:]) == 4 and tower.length(0 * IDS) == 1


def test_every_token_sees_what_stands_behind_it():
    scope, other = scope_of(TOWER), IDS.copy()
    other[0, 5] = 4
    assert np.abs(scope(other)[0] - scope(IDS)[0]).max() > 1e-3
    np.testing.assert_array_equal(scope(other)[1:], scope(IDS)[1:])


def test_what_each_pool_reads():
    weights = random_weights(replace(TOWER, pool="pooler"))
    features = {pool: scope_of(replace(TOWER, pool=pool), weights).features(IDS) for pool in POOLS}
    tokens = scope_of(TOWER, weights).tokens(IDS)[0]
    np.testing.assert_array_equal(features["first"], tokens[:, 0])
    wanted = np.stack([row[:length].mean(0) for row, length in zip(tokens, LENGTHS)])
    np.testing.assert_allclose(features["mean"], wanted, rtol=0, atol=1e-12)
    pooled = np.tanh(tokens[:, 0] @ weights["pool.weight"].T + weights["pool.bias"])
    np.testing.assert_allclose(features["pooler"], pooled, rtol=0, atol=1e-12)
    projected = scope_of(TOWER, weights)(IDS)
    np.testing.assert_allclose(projected, tokens[:, 0] @ weights["projection.weight"].T, rtol=0, atol=1e-12)


@pytest.mark.parametrize("backend", backends.names())
def test_positions_behind_the_context_and_other_segments_are_not_read(backend):
    weights = {name: w.astype(np.float32) for name, w in random_weights(TOWER).items()}
    read = lambda ops, p, inputs: {"y": p(inputs["ids"]), "scalar": ops.sum(p(inputs["ids"]), (0, 1))}
    interpreter = INTERPRETERS[backend]
    found = interpreter(TOWER, weights, {"ids": IDS}, read, by=["positions", "types", "tokens"])
    assert {*np.flatnonzero(np.abs(found.gradients["positions"]).max(1))} == {*range(7)}
    assert {*np.flatnonzero(np.abs(found.gradients["types"]).max(1))} == {0}
    # 0 is read within the last text, and as padding takes no part
    assert {*np.flatnonzero(np.abs(found.gradients["tokens"]).max(1))} == {0, 2, 3, 5, 6, 7, 8, 9}


def test_it_starts_as_bert_does():
    wide = Bert(vocab_size=300, context_length=64, width=64, layers=2, heads=4, embed_dim=48, pool="pooler")
    for name, array in initial_weights(wide, 0).items():
        if array.ndim == 2 and array.size > 1000:
            assert array.std() == pytest.approx(0.02, rel=0.1), name
        elif array.ndim == 1:
            assert (array == ("norm.weight" in name)).all(), name


def test_the_base_model_has_the_published_parameters():
    """109,482,240 with the pooler (transformers' BertModel), of which 590,592 are the pooler's."""
    base = build(TextTower, "BERT-base")
    assert base.embed_dim == 512 and count_parameters(base) == 109_482_240 - 590_592 + 768 * 512
    assert count_parameters(replace(base, pool="pooler")) == 109_482_240 + 768 * 512


@pytest.mark.parametrize(
    "fields, words", [({"width": 9}, "width 9 does not split into 2"), ({"context_length": 10}, "max_positions 9")]
)
def test_what_cannot_be_is_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        replace(TOWER, **fields)


def test_a_text_without_a_word_is_finite_in_every_pool():
    empty = np.array([[2, 3, 0, 0, 0, 0, 0], [0] * 7], np.int32)
    for pool in POOLS:
        assert np.isfinite(scope_of(replace(TOWER, pool=pool))(empty)).all()
