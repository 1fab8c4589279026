"""DeCLIP and DeFILIP: their terms against torch's own functions over what the towers give, over ranks, in pieces, and
over steps.
"""

from collections import deque
from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from tandemclip import backends
from tandemclip.backends.recorder.cost import inference_parameters
from tandemclip.backends.recorder.draws import training_views
from tandemclip.core.data.loading.loader import batches
from tandemclip.core.data.records import Record
from tandemclip.core.data.tokenizers.trained import TrainedTokenizer
from tandemclip.core.data.views.edited import EditedTextView
from tandemclip.core.data.views.masked import MaskedTextView
from tandemclip.core.errors import UserError
from tandemclip.core.methods.declip import DeCLIP, DeCLIPWeights, Queue, SimSiam
from tandemclip.core.methods.features import START
from tandemclip.core.objectives.token_wise import Tokens, token_wise
from tandemclip.core.random import generator
from tandemclip.core.spec import initial_weights
from tandemclip.core.training import checkpoint
from tandemclip.core.training.config import read
from tandemclip.core.training.engine import Rates
from tandemclip.core.training.global_batch import backward
from tandemclip.core.training.start import tokenizer_of
from tandemclip.core.training.update import AdamW
from tandemclip.tests.core.layers.test_head import twin
from tandemclip.tools import train

COUNT, VIEWS = 6, ("one", "other")
QUEUE = "auxiliary.queue"
TINY = ("tiny_declip_vit", "tiny_declip_rn", "tiny_defilip_vit")


def config_of(root, name="tiny_declip_vit", overrides=None):
    return read(root / "configs" / "pretrain" / f"{name}.yaml", overrides)[0]


@pytest.fixture(scope="module")
def method(root):
    return config_of(root).method


@pytest.fixture(scope="module")
def batch(root):
    """Six scenes, as the data pipeline gives them."""
    return of_scenes(config_of(root), COUNT)


def of_scenes(config, count):
    views = training_views(config.method)
    given = dict(batch_size=count, seed=0, start_step=0, stop_step=1)
    with batches(config.data.train, views, tokenizer_of(config), **given) as stream:
        return next(iter(stream))


def engine_of(method):
    return backends.load("torch").float64(method, initial_weights(method, 0), AdamW())


def encoded(engine, batch):
    """What `encode` gives, each shared feature a leaf that gradients can be asked of."""
    scope, ops = engine.model.scope(True), engine.model.scope(True).run.ops
    found = engine.method.encode(ops, scope, engine._tensors(batch))
    found.shared = {name: x.detach().requires_grad_() for name, x in found.shared.items()}
    found.own = {name: tuple(x.detach() for x in pair) for name, pair in found.own.items()}
    return found


def our_terms(engine, seen, rows=None):
    scope = engine.model.scope(True)
    return scope.loss(replace(seen, rows=rows, count=COUNT), START), scope.run.updates


def array(engine, name):
    return engine.model.arrays[name].detach()


def their_head(engine, name):
    under = f"auxiliary.{name}."
    arrays = {n.removeprefix(under): x.detach().numpy() for n, x in engine.model.arrays.items() if n.startswith(under)}
    return twin(engine.method.nodes[under[:-1]], arrays)


def symmetric(scale, u, v):
    own = torch.arange(len(u))
    return (cross_entropy(scale * u @ v.T, own) + cross_entropy(scale * v @ u.T, own)) / 2


def their_terms(engine, seen):
    scale, own = array(engine, "logit_scale").exp(), torch.arange(COUNT)
    views = [normalize(seen.shared[name], dim=1) for name in VIEWS]
    texts = [seen.shared["v"], seen.shared["edited"]]
    terms = {"clip": sum(symmetric(scale, u, v) for u in views for v in texts) / 4}
    projector, predictor = (their_head(engine, name) for name in ("projector", "predictor"))
    z = [projector(seen.shared[name]) for name in VIEWS]
    q = [predictor(x) for x in z]
    cosine = lambda a, b: torch.nn.functional.cosine_similarity(a, b.detach(), dim=1).mean()
    terms["image"] = -(cosine(q[0], z[1]) + cosine(q[1], z[0])) / 2
    near = [array(engine, QUEUE)[(v @ array(engine, QUEUE).T).argmax(1)] for v in texts]
    terms["nearest"] = sum(cross_entropy(scale * u @ n.T, own) for u in views for n in near) / 4
    total, count = seen.own["words"]
    return terms | {"words": total / count}


WEIGHTS = DeCLIPWeights(), DeCLIPWeights(0.3, 0.7, 1.1, 0.5)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_its_terms_are_torch_s(method, batch, weights):
    engine = engine_of(replace(method, weights=weights))
    seen = encoded(engine, batch)
    ours, theirs = our_terms(engine, seen)[0], their_terms(engine, seen)
    for name, value in theirs.items():
        assert ours[name].item() == pytest.approx(value.item(), rel=1e-10), name
    total = sum(vars(weights)[name] * value for name, value in theirs.items())
    assert ours["loss"].item() == pytest.approx(total.item(), rel=1e-12)
    by = list(seen.shared.values())
    for mine, right in zip(torch.autograd.grad(ours["loss"], by), torch.autograd.grad(total, by)):
        np.testing.assert_allclose(mine, right, rtol=1e-9, atol=1e-12)
    assert engine.backward(batch, START).terms["loss"] == pytest.approx(total.item(), rel=1e-12)


def test_masked_words_are_torch_s(method, batch):
    """15% of the words, by a linear map of what the causal tower gives in their places."""
    engine = engine_of(method)
    scope, given = engine.model.scope(True), engine._tensors(batch)
    table = torch.cat([array(engine, "text.tokens"), array(engine, "auxiliary.mask")])
    tokens = scope.text.tokens(given["text_masked"], table, given["text_end"])[0]
    there = batch["text_chosen"] > 0
    rows, places = np.nonzero(there)[0], batch["text_places"][there]
    classifier = [array(engine, f"auxiliary.words.{name}") for name in ("weight", "bias")]
    logits = torch.nn.functional.linear(tokens[rows, places], *classifier)
    wanted = cross_entropy(logits, torch.tensor(batch["text_targets"][there]).long(), reduction="sum")
    total, count = encoded(engine, batch).own["words"]
    assert count.item() == there.sum() > 3 and total.item() == pytest.approx(wanted.item(), rel=1e-10)


@pytest.mark.parametrize("caption", ["masked", "plain"])
def test_the_contrast_sees_the_caption_that_is_asked_for(method, batch, caption):
    engine = engine_of(replace(method, caption=caption))
    seen, given = encoded(engine, batch), engine._tensors(batch)
    table = torch.cat([array(engine, "text.tokens"), array(engine, "auxiliary.mask")])
    scope = engine.model.scope(True)
    wanted = {"plain": scope.text(given["text"]), "masked": scope.text(given["text_masked"], table, given["text_end"])}
    assert torch.allclose(seen.shared["v"], normalize(wanted[caption], dim=1), rtol=1e-12)
    assert (normalize(wanted["plain"], dim=1) - normalize(wanted["masked"], dim=1)).abs().max() > 1e-3
    assert torch.allclose(seen.shared["edited"], normalize(scope.text(given["text_edited"]), dim=1), rtol=1e-12)


PARTS = {
    "image": ("auxiliary.projector.*", "auxiliary.predictor.*"),
    "words": ("auxiliary.words.*",),
    "nearest": (QUEUE,),
}


@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_weight_zero_costs_nothing(method, batch, name):
    without = replace(method, weights=replace(method.weights, **{name: 0.0}))
    gone = method.declared().keys() - without.declared().keys()
    assert gone == {each for each in method.declared() if any(fnmatchcase(each, part) for part in PARTS[name])} != set()
    terms = engine_of(without).backward(batch, START).terms
    assert terms.keys() == {"clip", "image", "words", "nearest", "loss", "logit_scale"} - {name}


def test_a_contrast_of_masked_captions_needs_no_masked_words(method, batch):
    without = replace(method, weights=replace(method.weights, words=0.0))
    assert "auxiliary.mask" in without.declared() and engine_of(without).backward(batch, START).terms
    assert "auxiliary.mask" not in replace(without, caption="plain").declared()


@pytest.mark.parametrize("statistics", ["batch", "rank"])
def test_parts_of_ranks_add_up(method, batch, statistics):
    engine = engine_of(replace(method, simsiam=replace(method.simsiam, statistics=statistics)))
    seen, ranges = encoded(engine, batch), ((0, 2), (2, 4), (4, 6))
    whole, ranks = our_terms(engine, seen)[0], [our_terms(engine, seen, rows) for rows in ranges]
    for name, value in whole.items():
        together = sum(terms[name].item() for terms, _ in ranks)
        if (name in ("image", "loss")) == (statistics == "rank"):
            assert name not in ("image", "loss") or together != pytest.approx(value.item(), rel=1e-6)
        else:
            assert together == pytest.approx(value.item(), rel=1e-10), name
    for name, value in ranks[0][1].items():  # what a rank writes, all of them write
        assert all(torch.equal(updates[name], value) for _, updates in ranks[1:]), name


@pytest.mark.parametrize("name", ["tiny_declip_vit", "tiny_defilip_vit"])
def test_pieces_are_the_whole(root, batch, name):
    engine = engine_of(config_of(root, name).method)
    whole = engine.backward(batch, START)
    for count in (2, 3):
        parts = backward(engine, batch, START, accumulate=count)
        assert parts.terms == pytest.approx(whole.terms, rel=1e-10)
        one, other = engine.named_gradients(whole), engine.named_gradients(parts)
        largest = max(np.abs(gradient).max() for gradient in one.values())
        assert all(np.abs(one[n] - other[n]).max() <= 1e-12 * largest for n in one)
        assert QUEUE in whole.statistics and parts.statistics.keys() == whole.statistics.keys()
        assert all(torch.allclose(x, parts.statistics[n], rtol=1e-12) for n, x in whole.statistics.items())


@pytest.mark.parametrize("pushes", ["both", "plain"])
@pytest.mark.parametrize("entries", [5, 12, 20])
def test_the_queue_is_read_and_then_takes_the_captions(method, batch, entries, pushes):
    """Over steps: changed captions, then captions, in the order of the samples; the first ones leave."""
    engine = engine_of(replace(method, queue=Queue(entries, pushes)))
    plain = deque(array(engine, QUEUE).tolist(), maxlen=entries)
    lengths = array(engine, QUEUE).norm(dim=1)
    assert torch.allclose(lengths, torch.ones(entries, dtype=torch.float64), atol=1e-6)
    for _ in range(4):
        seen = encoded(engine, batch)
        wanted = their_terms(engine, seen)["nearest"].item()  # of the queue as it stands before
        found = engine.backward(batch, START)
        assert found.terms["nearest"] == pytest.approx(wanted, rel=1e-10)
        engine.update(found, Rates(1e-2, 1.0, 1.0))
        for name in ("edited", "v") if pushes == "both" else ("v",):
            plain.extend(seen.shared[name].tolist())
        np.testing.assert_allclose(array(engine, QUEUE), list(plain), rtol=1e-12)


@pytest.mark.parametrize("select", [None, 3])
def test_defilip_is_declip_and_the_token_wise_loss(root, batch, select):
    method = config_of(root, "tiny_defilip_vit").method
    method = replace(method, filip=replace(method.filip, select=select, weight=0.3))
    engine = engine_of(method)
    seen = encoded(engine, batch)
    ours, scope = our_terms(engine, seen)[0], engine.model.scope(True)
    given = engine._tensors(batch)
    table = torch.cat([array(engine, "text.tokens"), array(engine, "auxiliary.mask")])
    words, mask = scope.text.tokens(given["text_masked"], table, given["text_end"])
    image = normalize(scope.child("auxiliary.image_tokens")(scope.image.tokens(given["image"])[0]), dim=2)
    words = normalize(scope.child("auxiliary.text_tokens")(words), dim=2)
    tokens, scale = Tokens(image.detach(), words.detach(), mask), array(engine, "auxiliary.logit_scale").exp()
    if select is None:
        wanted = token_wise(scope.run.ops, tokens, scale).item()
        assert ours["tokens"].item() == pytest.approx(wanted, rel=1e-10)
    else:
        assert seen.shared["image_columns"].shape[1] == select
    rest = sum(vars(method.weights)[name] * ours[name] for name in ("clip", "image", "words", "nearest"))
    assert ours["loss"].item() == pytest.approx((rest + 0.3 * ours["tokens"]).item(), rel=1e-12)


# ------------------------------------------------------------------ captions
WORDS = TrainedTokenizer.train(["a b c d e f g h i j k l m n o p"], 26)


def test_the_copy_is_of_the_same_caption():
    """Of a picture with several, one is drawn, masked, and changed."""
    record = Record("key", np.zeros((2, 2, 3), np.uint8), ("a b c d e f", "g h i j k l"))
    swapped = lambda text, rng: " ".join(reversed(text.split()))
    drawn = set()
    for seed in range(20):
        found = EditedTextView("caption", 12, change=swapped)(record, generator(seed), WORDS)
        text = found[""].tolist()
        drawn.add(tuple(text))
        assert found["_edited"].tolist() == [text[0], *reversed(text[1:7]), *text[7:]]
        masked = MaskedTextView("caption", 12)(record, generator(seed), WORDS)
        assert all(np.array_equal(found[name], x) for name, x in masked.items())
    assert len(drawn) == 2
    unchanged = EditedTextView("caption", 12)(record, generator(0), WORDS)
    assert np.array_equal(unchanged["_edited"], unchanged[""])


# ------------------------------------------------------------------ a run
def test_the_scale_stays_between_its_bounds(method, batch):
    engine = engine_of(replace(method, temperature=1 / 20.0, scale_bounds=(19.9, 20.1)))
    reached = set()
    for rate in (0.5, 0.5, -0.5, -0.5):
        engine.update(engine.backward(batch, START), Rates(rate, 1.0, 1.0))
        reached.add(round(float(array(engine, "logit_scale").exp()), 4))
    assert reached == {19.9, 20.1}


def test_a_temperature_beyond_the_bounds_is_refused(method):
    with pytest.raises(UserError, match="the scale starts at 14.2857; .* between 20.0855 and 100: give a temperature"):
        replace(method, temperature=0.07, scale_bounds=(float(np.exp(3)), 100.0))


@pytest.mark.parametrize("name", TINY)
def test_resuming_goes_on_bit_for_bit(root, tmp_path, name):
    """The queue is part of the checkpoint."""
    given = ["--config", str(root / "configs" / "pretrain" / f"{name}.yaml"), "--set", "data.train.count=40"]
    given += ["training.steps=4", "training.checkpoint_every=2", "data.evaluate=null"]
    assert train.main([*given, "--out", str(tmp_path / "whole")]) == 0
    assert train.main([*given, "--out", str(tmp_path / "halves"), "--max-steps", "2"]) == 0
    assert train.main([*given, "--out", str(tmp_path / "halves"), "--resume"]) == 0
    arrays = lambda run, step: checkpoint.load(tmp_path / run / "checkpoints" / f"step-0000000{step}").model
    whole, halves, first = arrays("whole", 4), arrays("halves", 4), arrays("whole", 2)
    assert whole.keys() == halves.keys() and all(np.array_equal(x, halves[n]) for n, x in whole.items())
    assert not np.array_equal(first[QUEUE], whole[QUEUE])


def test_a_run_goes_on_with_its_queue_on_the_other_engine(root, tmp_path):
    given = ["--config", str(root / "configs" / "pretrain" / "tiny_declip_vit.yaml"), "--set", "data.train.count=40"]
    given += ["training.steps=4", "training.checkpoint_every=2", "data.evaluate=null"]
    assert train.main([*given, "--out", str(tmp_path / "torch")]) == 0
    assert train.main([*given, "--out", str(tmp_path / "both"), "--max-steps", "2"]) == 0
    assert train.main([*given, "--out", str(tmp_path / "both"), "--backend", "mindspore", "--resume"]) == 0
    one, other = (
        checkpoint.load(tmp_path / run / "checkpoints" / "step-00000004").model[QUEUE] for run in ("torch", "both")
    )
    assert 0 < np.abs(one - other).max() < 1e-4


@pytest.mark.parametrize("name", TINY)
def test_nothing_auxiliary_is_read_at_inference(root, name):
    assert not [each for each in inference_parameters(config_of(root, name).method) if each.startswith("auxiliary")]


def test_the_released_values():
    """DeCLIP's repository: 0.4, 0.2, 0.2, 0.2; projector of 1,024, predictor by way of 512; 65,536 texts."""
    assert DeCLIPWeights() == DeCLIPWeights(clip=0.4, image=0.2, words=0.2, nearest=0.2)
    assert (SimSiam(), Queue()) == (SimSiam(width=1024, hidden=512), Queue(entries=65_536, pushes="both"))
    assert DeCLIP.__dataclass_fields__["crop"].default.area == (0.2, 1.0)
