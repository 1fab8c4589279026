"""InfoNCE against plain double loops over samples, on every interpreter, with samples missing, down to none."""

import math

import mindspore as ms
import numpy as np
import pytest
import torch

from tandemclip.backends.mindspore import ops as mindspore_ops
from tandemclip.backends.reference.ops import Reference
from tandemclip.backends.torch.ops import TorchOps
from tandemclip.core.objectives.infonce import infonce
from tandemclip.core.objectives.targets import EqualLabels, MixedLabels, Pairs
from tandemclip.core.random import generator

PRESENT = {
    "all": [1, 1, 1, 1, 1],
    "some": [1, 0, 1, 1, 0],
    "two": [0, 1, 0, 1, 0],
    "one": [0, 0, 1, 0, 0],
    "none": [0, 0, 0, 0, 0],
}


def unit_rows(seed, count, width=6):
    x = generator("infonce", seed).standard_normal((count, width))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def plain(u, v, scale, alpha):
    """PyramidCLIP eqs. 1 to 3, written out; lists of vectors."""
    count, total = len(u), 0.0
    if count < 2:
        return 0.0
    for rows, columns in ((u, v), (v, u)):
        for i in range(count):
            logits = [scale * sum(a * b for a, b in zip(rows[i], columns[j])) for j in range(count)]
            largest = max(logits)
            norm = largest + math.log(sum(math.exp(x - largest) for x in logits))
            for j in range(count):
                target = 1 - alpha if i == j else alpha / (count - 1)
                total -= target * (logits[j] - norm) / count / 2
    return total


def subset(x, present):
    return [list(row) for row, there in zip(x, present) if there]


@pytest.mark.parametrize("alpha", [0.0, 0.2, 0.9])
@pytest.mark.parametrize("scale", [1.0, 14.3, 100.0])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_everybody_present(count, scale, alpha):
    u, v = unit_rows(1, count), unit_rows(2, count)
    wanted = plain(u.tolist(), v.tolist(), scale, alpha)
    assert float(infonce(Reference(), u, v, scale, targets=Pairs(alpha))) == pytest.approx(wanted, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("alpha", [0.0, 0.2])
@pytest.mark.parametrize("scale", [1.0, 100.0])
@pytest.mark.parametrize("who", PRESENT)
def test_a_sample_that_is_absent_is_neither_row_nor_column_nor_negative(who, scale, alpha):
    u, v, present = unit_rows(1, 5), unit_rows(2, 5), np.array(PRESENT[who], float)
    wanted = plain(subset(u, present), subset(v, present), scale, alpha)
    assert float(infonce(Reference(), u, v, scale, targets=Pairs(alpha), present=present)) == pytest.approx(
        wanted, rel=1e-12, abs=1e-14
    )


def with_gradients(engine, u, v, scale, alpha, present):
    """(value, gradients by u, v and scale) on an engine."""
    given = [u, v, np.asarray(scale)]
    if engine == "mindspore":
        ops = mindspore_ops
        flags = None if present is None else ops.constant(present)
        loss = lambda u, v, scale: infonce(ops, u, v, scale, targets=Pairs(alpha), present=flags)
        value, gradients = ms.value_and_grad(loss, (0, 1, 2))(*(ops.constant(np.asarray(x, float)) for x in given))
        return value.asnumpy(), [g.asnumpy() for g in gradients]
    ops = TorchOps({"torch": torch.float32, "judge": torch.float64}[engine])
    tensors = [ops.constant(np.asarray(x, float)).requires_grad_() for x in given]
    value = infonce(ops, *tensors, targets=Pairs(alpha), present=None if present is None else ops.constant(present))
    gradients = torch.autograd.grad(value, tensors, allow_unused=True, materialize_grads=True)
    return value.detach().numpy(), [g.numpy() for g in gradients]


@pytest.mark.parametrize("alpha", [0.0, 0.2])
@pytest.mark.parametrize("who", [None, *PRESENT])
def test_engines_agree_in_value_and_gradient_whoever_is_present(who, alpha):
    u, v, scale = unit_rows(1, 5), unit_rows(2, 5), 14.3
    present = None if who is None else np.array(PRESENT[who], float)
    value, gradients = with_gradients("judge", u, v, scale, alpha, present)
    absent = np.zeros(5, bool) if present is None else present == 0
    assert all(np.isfinite(g).all() for g in gradients)
    assert not gradients[0][absent].any() and not gradients[1][absent].any()
    step = 1e-6
    slope = [float(infonce(Reference(), u, v, scale + s, targets=Pairs(alpha), present=present)) for s in (step, -step)]
    assert gradients[2] == pytest.approx((slope[0] - slope[1]) / (2 * step), abs=1e-8)
    for engine in ("torch", "mindspore"):
        own, own_gradients = with_gradients(engine, u, v, scale, alpha, present)
        assert own == pytest.approx(value, rel=1e-5, abs=1e-7)
        for a, b in zip(own_gradients, gradients):
            assert np.isfinite(a).all()
            assert (np.abs(a - b) <= 1e-4 * (np.abs(b) + np.sqrt(np.mean(b * b))) + 1e-7).all()


@pytest.mark.parametrize("engine", ["judge", "torch", "mindspore"])
def test_one_sample_alone_is_zero_with_gradient_zero(engine):
    value, gradients = with_gradients(engine, unit_rows(1, 1), unit_rows(2, 1), 14.3, 0.2, None)
    assert value == 0 and value.shape == () and not any(g.any() for g in gradients)


def test_equal_features_of_everybody_give_ln_n():
    u = np.tile(unit_rows(1, 1), (7, 1))
    assert float(infonce(Reference(), u, u, 50.0, targets=Pairs(0.2))) == pytest.approx(math.log(7), rel=1e-12)


def test_the_softened_target_is_the_papers_mixture():
    """(1 - alpha) one-hot + alpha / (N - 1) on the negatives; alpha = (N - 1) / N is the uniform target."""
    u, v = unit_rows(1, 4), unit_rows(2, 4)
    logits = 3.0 * u @ v.T
    log_softmax = lambda x: x - np.log(np.exp(x).sum(1, keepdims=True))
    uniform = -(log_softmax(logits).mean() + log_softmax(logits.T).mean()) / 2
    assert float(infonce(Reference(), u, v, 3.0, targets=Pairs(0.75))) == pytest.approx(uniform, rel=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 0.2])
@pytest.mark.parametrize("who", [None, "some", "two", "one"])
@pytest.mark.parametrize("cuts", [(0, 5), (0, 2, 5), (0, 1, 2, 3, 4, 5)])
def test_the_parts_of_the_rows_add_up_to_the_whole(who, cuts, alpha):
    u, v = unit_rows(1, 5), unit_rows(2, 5)
    present = None if who is None else np.array(PRESENT[who], float)
    part = lambda rows: float(infonce(Reference(), u, v, 14.3, targets=Pairs(alpha), present=present, rows=rows))
    assert sum(map(part, zip(cuts, cuts[1:]))) == pytest.approx(part(None), rel=1e-12, abs=1e-14)


def test_a_part_reads_its_own_rows_against_every_column():
    u, v = unit_rows(1, 5), unit_rows(2, 5)
    part = lambda u, v: float(infonce(Reference(), u, v, 14.3, targets=Pairs(0.0), rows=(0, 2)))
    moved = v.copy()
    moved[4] = unit_rows(3, 1)
    assert part(u, moved) != part(u, v)  # a column of somebody else
    log_softmax = lambda x: x - np.log(np.exp(x).sum(1, keepdims=True))
    wanted = [-np.diag(log_softmax(14.3 * a @ b.T))[:2].sum() / 5 for a, b in ((u, v), (v, u))]
    assert part(u, v) == pytest.approx(sum(wanted) / 2, rel=1e-12)


# ------------------------------------------------------------------ labels
LABELS = {
    "collisions": [[3, 0], [3, 1], [7, 0], [3, 0], [7, 0]],  # equal in both halves, or not equal
    "distinct": [[0, 4], [1, 4], [2, 4], [4, 3], [3, 4]],
    "equal": [[5, 5]] * 5,
}


def plain_labels(u, v, scale, labels, alpha, directions):
    """UniCL eqs. 1 to 3, written out, and eq. 2 of PyramidCLIP over them; lists of vectors."""
    count, losses = len(u), {}
    if count < 2:
        return 0.0
    for name, rows, columns in (("i2t", u, v), ("t2i", v, u)):
        losses[name] = 0.0
        for i in range(count):
            positives = {j for j in range(count) if labels[j] == labels[i]}
            share = alpha if len(positives) < count else 0.0
            logits = [scale * sum(a * b for a, b in zip(rows[i], columns[j])) for j in range(count)]
            largest = max(logits)
            norm = largest + math.log(sum(math.exp(x - largest) for x in logits))
            for j in range(count):
                target = (1 - share) / len(positives) if j in positives else share / (count - len(positives))
                losses[name] -= target * (logits[j] - norm) / count
    return sum(losses[name] for name in directions) / len(directions)


@pytest.mark.parametrize("directions", [("i2t", "t2i"), ("i2t",), ("t2i",)])
@pytest.mark.parametrize("alpha", [0.0, 0.2])
@pytest.mark.parametrize("who", [None, *PRESENT])
@pytest.mark.parametrize("labels", LABELS)
def test_equal_labels_are_positives_of_each_other(labels, who, alpha, directions):
    u, v, labels = unit_rows(1, 5), unit_rows(2, 5), np.array(LABELS[labels], np.int32)
    present = None if who is None else np.array(PRESENT[who], float)
    kept = [subset(x, [1] * 5 if present is None else present) for x in (u, v, labels)]
    targets = EqualLabels(labels, alpha)
    wanted = plain_labels(*kept[:2], 14.3, kept[2], alpha, directions)
    whole, *parts = (
        float(infonce(Reference(), u, v, 14.3, targets=targets, present=present, rows=rows, directions=directions))
        for rows in (None, (0, 2), (2, 5))
    )
    assert whole == pytest.approx(wanted, rel=1e-12, abs=1e-14)
    assert sum(parts) == pytest.approx(wanted, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("alpha", [0.0, 0.2])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_distinct_labels_are_no_labels(count, alpha):
    u, v, labels = unit_rows(1, count), unit_rows(2, count), np.arange(count, dtype=np.int32)[:, None]
    without = float(infonce(Reference(), u, v, 14.3, targets=Pairs(alpha)))
    assert float(infonce(Reference(), u, v, 14.3, targets=EqualLabels(labels, alpha))) == pytest.approx(
        without, rel=1e-12, abs=1e-14
    )


def plain_mixed(u, v, scale, labels, others, share, directions, alpha):
    """Targets written out: lambda [y_k = y_a] / |P(a)| + (1 - lambda) [y_k = y_b] / |P(b)| for images, the columns
    likewise.
    """
    count = len(u)
    logits = scale * u @ v.T
    log_softmax = lambda x: (
        x - np.log(np.exp(x - x.max(1, keepdims=True)).sum(1, keepdims=True)) - x.max(1, keepdims=True)
    )
    images, texts = np.zeros((count, count)), np.zeros((count, count))
    for i in range(count):
        for label, part in ((labels[i], share[i]), (others[i], 1 - share[i])):
            positives = [k for k in range(count) if labels[k] == label]
            for k in positives:
                images[i, k] += part / len(positives)
                texts[k, i] += part
    texts /= np.maximum(texts.sum(1, keepdims=True), 1e-30)  # 0 for a text whose picture was mixed away
    images, texts = smoothed(images, alpha), smoothed(texts, alpha)
    losses = {"i2t": -(images * log_softmax(logits)).sum(), "t2i": -(texts * log_softmax(logits.T)).sum()}
    return sum(losses[name] for name in directions) / count / len(directions)


def smoothed(targets, alpha):
    """Of a row that has a target and something that is none of it, alpha goes there, in equal parts."""
    targets = targets.copy()
    for row in targets:
        none = row == 0
        if row.any() and none.any():
            row *= 1 - alpha
            row[none] = alpha / none.sum()
    return targets


@pytest.mark.parametrize("directions", [("i2t", "t2i"), ("i2t",), ("t2i",)])
@pytest.mark.parametrize("labels", [[3, 1, 3, 2, 1, 7], [1, 2, 3, 4, 5, 6], [4] * 6])
@pytest.mark.parametrize("alpha", [0.0, 0.1])
def test_mixed_pictures_have_the_targets_of_both(labels, directions, alpha):
    u, v, share = unit_rows(1, 6), unit_rows(2, 6), np.array([0.3, 0.9, 0.0, 1.0, 0.5, 0.2])
    others = [labels[i ^ 1] for i in range(6)]
    wanted = plain_mixed(u, v, 14.3, labels, others, share, directions, alpha)
    own, other = (np.array(x, np.int32)[:, None] for x in (labels, others))
    mixed = MixedLabels(own, other, share, alpha)
    loss = lambda rows: float(infonce(Reference(), u, v, 14.3, targets=mixed, rows=rows, directions=directions))
    assert loss(None) == pytest.approx(wanted, rel=1e-12)
    assert loss((0, 4)) + loss((4, 6)) == pytest.approx(wanted, rel=1e-12)
    alone, labelled = (
        float(infonce(Reference(), u, v, 14.3, targets=targets, directions=directions))
        for targets in (MixedLabels(own, other, np.ones(6)), EqualLabels(own))
    )
    assert alone == pytest.approx(labelled, rel=1e-12)
