"""LightCLIP: its loss is eq. 1 written once more, what is off costs nothing, and inference knows of no training."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from torch.nn import functional as F

from tandemclip import backends
from tandemclip.backends.judge import Subject, judged
from tandemclip.backends.parity import choice_gaps, compare
from tandemclip.backends.recorder.record import record, record_step
from tandemclip.core.config.yaml_text import Whole
from tandemclip.core.data.views.view import batch_arrays
from tandemclip.core.errors import UserError
from tandemclip.core.methods.clip import CLIP
from tandemclip.core.methods.features import CHOSEN, Elapsed
from tandemclip.core.random import generator
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.global_batch import backward
from tandemclip.core.training.update import AdamW
from tandemclip.tests.core.layers.in_torch import fuse
from tandemclip.tools import parity

DELTA = 0.2
AUXILIARY = """
mask image_tokens.weight image_tokens.bias text_tokens.weight text_tokens.bias
fusion.stages.0.convolution.weight fusion.stages.1.convolution.weight
fusion.stages.0.attention.query.weight fusion.stages.0.attention.query.bias
fusion.stages.0.attention.key_value.weight fusion.stages.0.attention.key_value.bias
fusion.stages.0.attention.output.weight fusion.stages.0.attention.output.bias
fusion.stages.1.attention.query.weight fusion.stages.1.attention.query.bias
fusion.stages.1.attention.key_value.weight fusion.stages.1.attention.key_value.bias
fusion.stages.1.attention.output.weight fusion.stages.1.attention.output.bias
words.weight words.bias fused_words.weight fused_words.bias
"""


@pytest.fixture(scope="module")
def configured(root):
    """The tiny Swin's configuration, with other fields of the method."""
    return lambda **fields: read(root / "configs" / "pretrain" / "tiny_lightclip_swin.yaml", {"method": fields})[0]


@pytest.fixture(scope="module")
def first_batch(configured):
    """Four pairs of scenes with short captions, the second of no words."""
    config = configured()
    batch = parity.subject(config, initial_weights(config.method, 0), 1).batches[0]
    short = np.argsort(batch["text_end"])[:4]
    batch = {name: x[short] for name, x in batch.items()}
    ids, end = batch["text"], batch["text_end"]
    assert end.max() < ids.shape[1] - 1 and (ids[range(4), end] == ids.max()).all()
    ids[1, 1], ids[1, 2:], end[1] = ids.max(), 0, 1
    batch["text_masked"][1] = ids[1]
    for name in ("places", "targets", "chosen"):
        batch[f"text_{name}"][1] = 0
    assert (batch["text_masked"] == 40).any()
    return batch


def weights_of(method):
    """Biases and [MASK] are not 0, so that none can be left out unnoticed."""
    rng = generator("lightclip")
    return {
        n: (w + 0.1 * rng.standard_normal(w.shape)).astype(np.float32) for n, w in initial_weights(method, 0).items()
    }


def judge_of(method):
    return backends.load("torch").float64(method, weights_of(method), AdamW())


# ------------------------------------------------------------------ eq. 1, by torch's functions, sample by sample
def softened(scores, phase):  # [N, N] -> [N, N], eqs. 4 to 9
    count = len(scores)
    target = torch.eye(count, dtype=torch.float64)
    negative = 1 - target
    if phase == "smoothed":
        target = (1 - DELTA) * target + DELTA / (count - 1) * negative
    if phase == "importance":
        target = (1 - DELTA) * target + DELTA * scores.masked_fill(negative == 0, -torch.inf).softmax(1)
    return target.detach()


def instance(method, p, batch, phase):
    u, v = F.normalize(p.image(batch["image"])), F.normalize(p.text(batch["text"]))
    scores, scale = u @ v.T, p["logit_scale"].exp()
    weigh = scale if method.soften.scale == "logit_scale" else 1
    return sum(F.cross_entropy(scale * x, softened(weigh * x, phase)) for x in (scores, scores.T)) / 2


def token(method, p, batch):
    """Eqs. 10 to 13."""
    image = F.linear(p.image.tokens(batch["image"])[0], *pair(p, "image_tokens"))
    text = F.linear(p.text.tokens(batch["text"])[0], *pair(p, "text_tokens"))
    losses = []
    for i, end in enumerate(batch["text_end"].tolist()):
        words = text[i, : end + 1] if method.alignment.ends else text[i, 1:end]
        if not len(words):
            continue
        cost = 1 - F.cosine_similarity(image[i][:, None], words[None], dim=2)
        total = cost[linear_sum_assignment(cost.detach())].sum()
        losses.append(total / (len(image[i]) if method.alignment.divisor == "image_tokens" else min(cost.shape)))
    return sum(losses) / len(losses)


def pair(p, name):
    return p[f"auxiliary.{name}.weight"], p[f"auxiliary.{name}.bias"]


def masked_words(method, p, batch):
    """Eqs. 14 and 15: (from the text alone, from the text fused with the picture)."""
    masking, table = method.masking, torch.cat((p["text.tokens"], p["auxiliary.mask"]))
    given = batch["text_masked"], table, batch["text_end"]
    texts, images, parts = p.text.stages(*given), p.image.stages(batch["image"]), []
    for i, stage in enumerate(masking.stages):
        prefix = f"auxiliary.fusion.stages.{i}."
        parts.append(fuse(p.run.arrays, prefix, masking.heads, texts[stage - 1], images[stage - 1], masking.batch_norm))
    fused, classifier = torch.cat(parts, 2), "fused_words"
    if masking.classifiers == "one":
        fused, classifier = F.linear(fused, *pair(p, "fused")), "words"
    inputs = (p.text.tokens(*given)[0], "words"), (fused, classifier)
    return [words_loss(F.linear(x, *pair(p, name)), batch, masking.mean) for x, name in inputs]


def words_loss(logits, batch, mean):  # [B, L, V]
    each = []
    for row, places, targets, chosen in zip(logits, *(batch[f"text_{n}"] for n in ("places", "targets", "chosen"))):
        number = int(chosen.sum())
        each.append(F.cross_entropy(row[places[:number].long()], targets[:number].long(), reduction="none"))
    each = [losses for losses in each if len(losses)]
    return torch.stack([losses.mean() for losses in each]).mean() if mean == "texts" else torch.cat(each).mean()


def eq_1(engine, batch, phase):
    """Terms, and the gradient of the loss by every parameter."""
    method, arrays = engine.method, engine._tensors(batch)
    p, weights = engine.model.scope(True), engine.method.weights
    terms = {"instance": instance(method, p, arrays, phase)}
    loss = weights.instance * terms["instance"]
    if weights.token:
        terms["token"] = token(method, p, arrays)
        loss = loss + weights.token * terms["token"]
    if weights.mlm:
        terms["mlm_text"], terms["mlm_fused"] = masked_words(method, p, arrays)
        loss = loss + weights.mlm * (terms["mlm_text"] + terms["mlm_fused"]) / 2
    terms |= {"loss": loss, "logit_scale": p["logit_scale"]}
    names = [name for name, _ in method.all_parameters()]
    found = torch.autograd.grad(
        loss, [engine.model.arrays[n] for n in names], allow_unused=True, materialize_grads=True
    )
    return {n: float(x.detach()) for n, x in terms.items()}, {n: g.numpy() for n, g in zip(names, found)}


OFF = {"token": 0.0, "mlm": 0.0}
CASES = {
    "the paper's": {},
    "other weights": {"weights": {"instance": 0.5, "token": 1.5, "mlm": 0.25}},
    "instance alone": {"weights": OFF},
    "without masked words": {"weights": {"mlm": 0.0}, "alignment": {"divisor": "image_tokens"}},
    "without tokens": {"weights": {"token": 0.0}, "soften": {"scale": "logit_scale"}},
    "words alone are aligned": {"alignment": {"ends": False}},
    "one classifier": {"masking": {"classifiers": "one", "stages": [4, 1, 2]}},
    "mean over texts": {"masking": {"mean": "texts", "batch_norm": True, "heads": 8}},
}


@pytest.mark.parametrize("phase", ["one-hot", "smoothed", "importance"])
@pytest.mark.parametrize("case", CASES)
def test_the_loss_is_eq_1(configured, first_batch, case, phase):
    """Terms and the gradients of all parameters; the second caption has no words, and counts where it has something."""
    method = configured(**CASES[case]).method
    engine = judge_of(method)
    found = backward(engine, first_batch, method.phases[phase])
    terms, gradients = eq_1(engine, first_batch, phase)
    assert found.terms == pytest.approx(terms, rel=1e-12)
    named = engine.named_gradients(found)
    largest = max(np.abs(g).max() for g in gradients.values())
    assert named.keys() == gradients.keys()
    for name, gradient in gradients.items():
        np.testing.assert_allclose(named[name], gradient, rtol=1e-9, atol=1e-11 * largest, err_msg=name)
        assert gradient.any(), name


def test_of_no_words_at_all_nothing_is_learned_of_words(configured, first_batch):
    """Captions of start and end only: no tokens between them, none to mask, and no division by 0."""
    method = configured(alignment={"ends": False}).method
    engine, empty = judge_of(method), {n: np.repeat(x[1:2], 4, 0) for n, x in first_batch.items()}
    empty["image"] = first_batch["image"]
    found = backward(engine, empty, method.phases["one-hot"])
    assert [found.terms[name] for name in ("token", "mlm_text", "mlm_fused")] == [0, 0, 0]
    assert np.isfinite(found.norm) and found.terms["loss"] == pytest.approx(0.8 * found.terms["instance"], rel=1e-12)


# ------------------------------------------------------------------ texts
def whole(engine, batch, elapsed):
    """Terms and gradients of the batch at the length that it has."""
    method, encoded = engine.method, engine.encode(batch, {}, keep=False).features
    chosen = method.choose({name: engine.to_host(encoded[f"local:{name}"]) for name in method.chooses_by})
    found = engine.backward(batch | {CHOSEN + name: x for name, x in chosen.items()}, elapsed)
    return found.terms, engine.named_gradients(found)


def test_shorter_texts_give_the_same_terms_and_gradients(configured, first_batch):
    method = configured().method
    engine, elapsed = judge_of(method), method.phases["importance"]
    length = method.length(first_batch)
    assert length == first_batch["text_end"].max() + 1 < first_batch["text"].shape[1]
    cut = method.cut(first_batch, length)
    assert cut["text"].shape == cut["text_masked"].shape == (4, length)
    (terms, gradients), (wanted, right) = (whole(engine, batch, elapsed) for batch in (cut, first_batch))
    assert terms == pytest.approx(wanted, rel=1e-13)
    for name, gradient in right.items():
        np.testing.assert_allclose(gradients[name], gradient, rtol=1e-10, atol=1e-13, err_msg=name)


def test_what_is_masked_changes_no_term_but_that_of_masked_words(configured, first_batch):
    """The contrast and the tokens see the caption itself, where it ends included."""
    engine = judge_of(configured().method)
    ids = generator("ids").integers(1, 41, first_batch["text_masked"].shape).astype(np.int32)  # [MASK] is 40
    other = first_batch | {"text_masked": ids}
    one, two = (engine.encode(batch, {}, keep=False).features for batch in (first_batch, other))
    assert {name for name in one if not torch.equal(one[name], two[name])} == {"sum:mlm_text", "sum:mlm_fused"}
    terms, others = (backward(engine, batch, Elapsed(0, 0)).terms for batch in (first_batch, other))
    assert {n for n in terms if terms[n] != others[n]} == {"mlm_text", "mlm_fused", "loss"}


# ------------------------------------------------------------------ what costs nothing
def step_of(method):
    return record_step(method, batch_arrays(method.views(), 4)).program


def calls(method):
    """How often a training step calls each function, at which cost."""
    return Counter((call.function, call.flops) for call in step_of(method).calls)


def clip_of(method):
    """CLIP with the same towers, views and targets."""
    return CLIP(method.image, method.text, method.crop, method.temperature, soften=method.soften)


def test_without_its_parts_it_is_clip(configured):
    """The same parameters, views and calls, but for the one that weighs the term by alpha."""
    method = configured(weights=OFF).method
    clip = clip_of(method)
    assert dict(method.all_parameters()) == dict(clip.all_parameters())
    assert method.views() == clip.views() and not method.chooses_by
    ours, plain = calls(method), calls(clip)
    assert ours - plain == Counter({("multiply", 0): 1}) and not plain - ours


@pytest.mark.parametrize("off, terms, parts", [
    ("token", {"token"}, {"image_tokens", "text_tokens"}),
    ("mlm", {"mlm_text", "mlm_fused"}, {"mask", "fusion", "words", "fused_words"}),
])  # fmt: skip
def test_a_part_of_weight_0_is_not_there(configured, first_batch, off, terms, parts):
    """It adds the same to the program whether the other part is there or not; at weight 0, nothing."""
    whole, without = configured().method, configured(weights={off: 0.0}).method
    own = {name for name, _ in whole.all_parameters()} - {name for name, _ in without.all_parameters()}
    assert {name.split(".")[1] for name in own} == parts and all(name.startswith("auxiliary.") for name in own)
    alone = configured(weights=OFF | {off: 0.1}).method
    assert calls(whole) - calls(without) == calls(alone) - calls(configured(weights=OFF).method)
    assert not {
        call.node for call in step_of(without).calls if call.node.removeprefix("auxiliary.").split(".")[0] in parts
    }
    missing = batch_arrays(whole.views(), 4).keys() - batch_arrays(without.views(), 4).keys()
    assert missing == ({name for name in first_batch if name.startswith("text_")} if off == "mlm" else set())
    given = {name: x for name, x in first_batch.items() if name not in missing}
    found = [backward(judge_of(m), b, Elapsed(0, 0)).terms for m, b in ((whole, first_batch), (without, given))]
    assert found[0].keys() - found[1].keys() == terms and ("cost" in without.chooses_by) == (off != "token")


def test_inference_is_that_of_the_towers(configured):
    """It touches no parameter that only training needs, and costs what CLIP's does."""
    method = configured().method
    auxiliary = {f"auxiliary.{name}" for name in AUXILIARY.split()}
    assert {name for name, _ in method.all_parameters() if name.startswith("auxiliary.")} == auxiliary
    used = set()
    for way, shape, kind in (("encode_image", (4, 3, 32, 32), "float32"), ("encode_text", (4, 12), "int32")):
        run = lambda ops, p, x, way=way: {"y": getattr(p, way)(x["x"])}
        ours, clips = (record(m, {"x": (shape, np.dtype(kind))}, False, run).program for m in (method, clip_of(method)))
        of = lambda program: Counter((call.node, call.function, call.flops) for call in program.calls)
        assert of(ours) == of(clips) and sum(call.flops for call in ours.calls) > 0
        used |= ours.inputs.keys() - {"x"}
    assert used == {name for name, _ in method.all_parameters()} - auxiliary - {"logit_scale"}


# ------------------------------------------------------------------ the host's choice
def of_one_colour(config, batch):
    """Pictures in which all tokens are alike, so that every matching of theirs costs the same."""
    images = generator("colours").standard_normal((4, 3, 1, 1)).astype(np.float32)
    flat = batch | {"image": np.broadcast_to(images, batch["image"].shape).copy()}
    schedule = config.training.schedule(config.data.train.epoch)
    weights = initial_weights(config.method, 0)
    return Subject(config.method, config.training.update, weights, [flat], schedule)


def test_stages_are_among_the_nodes_in_which_engines_are_compared(configured, first_batch):
    """Of the picture once, of the text twice: as it is and masked."""
    nodes = judged(of_one_colour(configured(), first_batch), first_batch).nodes
    for tower, visits in (("image", 1), ("text", 2)):
        assert [len(nodes[f"{tower}.trunk[{i}]"]) for i in range(4)] == [visits] * 4
    assert nodes["auxiliary.fusion"][0].shape == (4, 12, 64)


def test_engines_that_choose_differently_at_equal_cost_agree(configured, first_batch):
    start = of_one_colour(configured(), first_batch)
    engine = backends.load("torch")(start.method, start.weights, start.rule)
    encoded = engine.encode(start.batches[0], {}, keep=False).features
    at = judged(start, start.batches[0])
    own = start.method.choose({"cost": engine.to_host(encoded["local:cost"])})
    assert (own["text"] != at.chosen["text"]).any() and own["matched"].any()
    assert choice_gaps(start, engine, start.batches[0], at)["cost of the engine's choice"] < 1e-5
    judge = judge_of(start.method)
    rows = [row for row in compare(start, judge, {"torch": engine}) if row.level in ("choice", "node", "term")]
    assert "choice" in {row.level for row in rows} and all(row.agrees for row in rows)


def test_a_choice_that_costs_more_is_told_from_the_best(configured, first_batch):
    """By how much, sample by sample: pictures of another caption's words, and the words in another order."""
    start = of_one_colour(configured(), first_batch)
    start = replace(start, batches=[first_batch])
    at = judged(start, first_batch)
    worse = at.chosen | {"text": at.chosen["text"][:, ::-1].copy()}
    wanted = [
        sum(at.local["cost"][i, row, column] * there for row, column, there in zip(rows, columns, matched))
        for i, (rows, columns, matched) in enumerate(zip(worse["image"], worse["text"], worse["matched"]))
    ]
    assert start.method.choice_cost(at.local, worse) == pytest.approx(wanted, rel=1e-12)
    assert max(wanted - start.method.choice_cost(at.local, at.chosen)) > 1e-3


# ------------------------------------------------------------------ what is refused
EMBEDDING = Whole({"type": "text_embedding", "vocab_size": 40, "embed_dim": 24})
SHALLOW = {"type": "vit", "resolution": 32, "patch": 8, "width": 8, "layers": 2, "heads": 2, "embed_dim": 24}


@pytest.mark.parametrize("fields, message", [
    ({"masking": {"stages": [0, 2]}}, r"method.masking.stages is \[0, 2\], expected a list of whole numbers, each 1"),
    ({"masking": {"stages": [2, 5]}}, r"method.masking.stages is \[2, 5\]"),
    ({"masking": {"stages": []}}, r"method.masking.stages is \[\]"),
    ({"masking": {"heads": 5}}, "method.masking.heads: width 32 does not split into 5 heads; give a number that"),
    ({"masking": {"heads": 0}}, "method.masking.heads is 0, expected a whole number, 1 or more"),
    ({"weights": {"token": -0.1}}, "method.weights.token is -0.1, expected a number, 0 or more"),
    ({"weights": {"mlm": -1}}, "method.weights.mlm is -1, expected a number, 0 or more"),
    ({"weights": {"instance": 0}}, "method.weights.instance is 0, expected a number, above 0"),
    ({"text": {"layers": 6}}, "method.text: stages are 4 equal parts, and 6 .*, or set method.weights.mlm to 0"),
    ({"text": EMBEDDING}, "method.text: a text_embedding has no blocks, and so no stages; take a text_transformer"),
    ({"image": Whole(SHALLOW)}, "method.image: stages are 4 equal parts, and 2 blocks do not divide"),
    ({"alignment": {"divisor": "text_tokens"}}, "method.alignment.divisor is 'text_tokens', expected one of matched, "),
])  # fmt: skip
def test_fields_that_cannot_be_are_refused_in_one_line(configured, fields, message):
    with pytest.raises(UserError, match=message) as error:
        configured(**fields)
    assert "\n" not in str(error.value)


def test_stages_are_asked_for_only_where_words_are_masked(configured):
    method = configured(text={"layers": 3}, masking={"stages": [7]}, weights={"mlm": 0.0}).method
    assert method.text.layers == 3 and not any("fusion" in name for name in method.declared())


@pytest.mark.parametrize("ends", [True, False])
def test_a_text_that_is_one_vector_is_one_token(configured, first_batch, ends):
    """It has no mask: nothing is padding, and nothing an end. The best of the picture's tokens is its pair."""
    fields = {"text": EMBEDDING, "weights": {"mlm": 0.0}, "alignment": {"ends": ends}}
    engine = judge_of(configured(**fields).method)
    local = engine.encode(first_batch, {}, keep=False).features
    image, text = (local[f"local:{name}"] for name in ("image", "text"))
    assert text.shape == (4, 1, 24)
    wanted = (1 - (image * text).sum(2).max(1).values).mean()
    assert backward(engine, first_batch, Elapsed(0, 0)).terms["token"] == pytest.approx(float(wanted), rel=1e-12)
