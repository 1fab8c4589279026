"""FILIP: its loss and its similarity are those of plain products over what its towers give, in each of its forms."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from tandemclip import backends
from tandemclip.backends.recorder.draws import training_views
from tandemclip.core.data.views.view import batch_arrays
from tandemclip.core.errors import UserError
from tandemclip.core.methods.features import START
from tandemclip.core.random import generator
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.global_batch import backward
from tandemclip.core.training.update import AdamW
from tandemclip.tools import train

COUNT, LENGTHS = 6, (12, 3, 7, 5, 9, 4)
FORMS = {
    "paper": {},
    "padding": {"padding": True},
    "selected": {"select": 3},
    "masked": {"caption": "masked"},
    "released": {"padding": True, "select": 3, "tokens": "last_block", "caption": "masked"},
}


@pytest.fixture(scope="module")
def method(root):
    return read(root / "configs" / "pretrain" / "tiny_filip_vit.yaml", {"method": {"image": {"layers": 4}}})[0].method


def batch_of(method):
    """Texts of several lengths: 39 ends them, and 0 is behind it."""
    rng, batch = generator("filip"), {}
    for name, (shape, dtype) in batch_arrays(training_views(method), COUNT).items():
        batch[name] = (rng.integers(1, 30, shape) if dtype.kind == "i" else rng.standard_normal(shape)).astype(dtype)
    for row, length in zip(batch["text"], LENGTHS):
        row[length - 1 :] = 0
        row[length - 1] = 39
    if method.masks:  # the second place of each text is hidden
        batch["text_masked"], batch["text_end"] = batch["text"].copy(), np.array(LENGTHS, np.int32) - 1
        batch["text_masked"][:, 1] = method.text.vocab_size
    return batch


def engine_of(method, name="float64"):
    make = backends.load("torch").float64 if name == "float64" else backends.load(name)
    return make(method, initial_weights(method, 0), AdamW())


def tokens_of(engine, batch):
    """x [N, T, D], y [N, L, D] and which y are words, by the towers' own readings."""
    scope, given, method = engine.model.scope(True), engine._tensors(batch), engine.method
    if method.tokens == "normed":
        image = scope.image.tokens(given["image"])[0]
    else:
        image = _flat(scope.image.stages(given["image"])[-1])
    if method.masks:
        table = torch.cat([engine.model.arrays["text.tokens"], engine.model.arrays["auxiliary.mask"]])
        text, mask = scope.text.tokens(given["text_masked"], table, given["text_end"])
    else:
        text, mask = scope.text.tokens(given["text"])
    unit = lambda x: x / x.norm(dim=2, keepdim=True)
    mask = torch.ones_like(mask) if method.padding else mask
    return unit(scope.image_tokens(image)), unit(scope.text_tokens(text)), mask.bool()


def best(method, x, y, mask):
    """For each sample, the places of its `select` tokens that are most similar to their own counterpart."""
    own = (x @ y.transpose(1, 2)).masked_fill(~mask[:, None], 0)
    words = own.sum(1).masked_fill(~mask, -torch.inf)
    return own.sum(2).topk(method.select).indices, words.topk(method.select).indices


def similarities(method, x, y, mask):
    """s_I and s_T of everybody, pair by pair."""
    keys = [list(range(x.shape[1]))] * len(x), [torch.nonzero(row)[:, 0].tolist() for row in mask]
    words = keys[1]
    if method.select:
        patches, chosen = best(method, x, y, mask)
        real = [[place for place in row if mask[i, place]] for i, row in enumerate(chosen.tolist())]
        keys = patches.tolist(), real
    pairs = [(i, j) for i in range(len(x)) for j in range(len(y))]
    images = torch.stack([(x[i] @ y[j, keys[1][j]].T).amax(1).mean() for i, j in pairs])
    texts = torch.stack([(y[j, words[j]] @ x[i, keys[0][i]].T).amax(1).mean() for i, j in pairs])
    return images.reshape(len(x), -1), texts.reshape(len(x), -1)


@pytest.mark.parametrize("form", FORMS)
def test_the_loss_is_that_of_its_pairs_one_by_one(method, form):
    method = replace(method, **FORMS[form])
    engine, batch = engine_of(method), batch_of(method)
    images, texts = similarities(method, *tokens_of(engine, batch))
    scale, own = engine.model.arrays["logit_scale"].exp(), torch.arange(COUNT)
    wanted = (cross_entropy(scale * images, own) + cross_entropy(scale * texts.T, own)) / 2
    names = [name for group in engine.groups for name in group.places]
    right = torch.autograd.grad(wanted, [engine.model.arrays[name] for name in names], allow_unused=True)
    found = engine.backward(batch, START)
    assert found.terms["loss"] == pytest.approx(wanted.item(), rel=1e-12)
    mine, largest = engine.named_gradients(found), max(g.abs().max() for g in right if g is not None)
    for name, gradient in zip(names, right):
        wanted = np.zeros(1) if gradient is None else gradient.numpy()
        assert np.abs(mine[name] - wanted).max() <= 1e-10 * largest, name


@pytest.mark.parametrize("compare", ["image", "text", "both"])
@pytest.mark.parametrize("form", ["paper", "padding"])
def test_inference_compares_by_tokens(method, form, compare):
    """Texts are cut behind the longest, and of a batch of short ones nothing changes."""
    method = replace(method, **FORMS[form], compare=compare)
    engine, batch = engine_of(method), batch_of(method)
    images, texts = (x.detach().numpy() for x in similarities(method, *tokens_of(engine, batch)))
    u = engine.encode_image(batch["image"])
    v = np.concatenate([engine.encode_text(batch["text"][rows]) for rows in ([0], [1, 2], [3, 4, 5])])
    assert u.shape == (COUNT, 16, 16) and v.shape == (COUNT, 12, 16) and not method.by_dot_product
    wanted = {"image": images, "text": texts, "both": (images + texts) / 2}[compare]
    np.testing.assert_allclose(engine.apply("similarity", u, v), wanted, rtol=1e-10)
    for given in ((u.reshape(len(u), -1), v), (u, v[:, 0]), (u[..., 1:], v), (u[..., 1:], v[..., 1:])):
        with pytest.raises(UserError, match="expected features of one model, .N, tokens, 16. and .M, tokens, 16."):
            engine.apply("similarity", *given)


@pytest.mark.parametrize("name", ["tiny_filip_vit", "tiny_filip_rn"])
def test_probes_get_what_it_has_trained(root, name):
    """A picture's tokens, of which the mean is taken; a pool that nothing trains has no part in them."""
    method = read(root / "configs" / "pretrain" / f"{name}.yaml")[0].method
    engine, images = engine_of(method), batch_of(replace(method, caption="plain"))["image"]
    found = engine.apply("encode_features", images)
    scope = engine.model.scope(False)
    tokens = {"normed": lambda x: scope.image.tokens(x)[0], "last_block": lambda x: _flat(scope.image.stages(x)[-1])}
    wanted = tokens[method.tokens](engine._tensor(images)).mean(1).detach().numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-10)
    weights = engine.weights()
    drawn = [key for key, parameter in method.all_parameters() if key.startswith("image.") and not parameter.trainable]
    changed = weights | {key: weights[key] + 1 for key in drawn}
    other = backends.load("torch").float64(method, changed, AdamW())
    assert drawn and np.array_equal(other.apply("encode_features", images), found)


def _flat(x):  # [B, D, h, w] -> [B, h w, D]
    return x.flatten(2).transpose(1, 2)


def test_what_is_behind_the_longest_text_is_not_computed_unless_padding_counts(method):
    batch = batch_of(method)
    short = {name: array[1:] for name, array in batch.items()}
    assert [replace(method, **FORMS[form]).length(short) for form in FORMS] == [9, None, 9, 9, None]
    assert replace(method, select=11).length(short) == 11  # as many as are to be selected


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [2, 3])
def test_pieces_are_the_whole(method, form, count):
    method = replace(method, **FORMS[form])
    engine, batch = engine_of(method), batch_of(method)
    whole, parts = engine.backward(batch, START), backward(engine, batch, START, accumulate=count)
    assert parts.terms == pytest.approx(whole.terms, rel=1e-12)
    one, other = engine.named_gradients(whole), engine.named_gradients(parts)
    largest = max(np.abs(gradient).max() for gradient in one.values())
    assert all(np.abs(one[n] - other[n]).max() <= 1e-12 * largest for n in one)


def test_what_gives_one_embedding_stays_as_drawn(root, method):
    resnet = read(root / "configs" / "pretrain" / "tiny_filip_rn.yaml")[0].method
    still = lambda m: {n.split(".")[1] for n, p in m.all_parameters() if not p.trainable}
    assert still(method) == {"projection"} and still(resnet) == {"pool", "projection"}
    last = still(replace(method, tokens="last_block"))
    assert last == {"projection", "output_norm"}  # of the picture: what its last block gives passes no norm
    names = {n for group in engine_of(method).groups for n in group.places}
    assert {"image_tokens.weight", "text_tokens.bias", "logit_scale"} <= names


def test_more_tokens_than_there_are_cannot_be_selected(method):
    with pytest.raises(UserError, match="method.select is 13, and a picture has 16 tokens and a text 12; give at most"):
        replace(method, select=13)


@pytest.mark.parametrize("config", ["tiny_filip_vit", "tiny_filip_rn"])
def test_it_trains_and_is_evaluated_by_its_own_similarity(root, tmp_path, config, capsys):
    given = ["--config", str(root / "configs" / "pretrain" / f"{config}.yaml"), "--out", str(tmp_path / "run")]
    assert train.main([*given, "--set", "training.steps=3", "data.train.count=40"]) == 0
    assert "zero_shot/digit" in capsys.readouterr().out
