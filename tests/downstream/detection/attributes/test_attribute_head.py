"""The attributes' loss against plain loops, its gradient, and what the category has to do with it."""

import math

import numpy as np
import pytest
import torch

import tandemclip.downstream.detection.register  # noqa: F401
from tandemclip.core.errors import UserError
from tandemclip.downstream.detection.attributes.attribute_head import AttributeHead

SIZES = dict(in_channels=5, num_classes=3, num_attributes=4, embedding_channels=2, hidden_channels=6)
ATTRIBUTES = torch.tensor([[0, 1, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 0]], dtype=torch.uint8)
LABELS = torch.tensor([2, 0, 2, 1])


@pytest.fixture
def head():
    torch.manual_seed(0)
    return AttributeHead(**SIZES, loss_weight=0.25).double()


@pytest.fixture
def features():
    return torch.randn(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def by_hand(head, features):
    """The mean over the objects of the mean over their attributes of -log p."""
    weights = {name: array.detach().numpy() for name, array in head.named_parameters()}
    total = 0.0
    for x, label, row in zip(features.numpy(), LABELS.tolist(), ATTRIBUTES.tolist()):
        given = list(x) + list(weights["category.weight"][label])
        hidden = []
        for w, b in zip(weights["hidden.weight"], weights["hidden.bias"]):
            hidden.append(max(sum(a * c for a, c in zip(w, given)) + b, 0))
        scores = []
        for w, b in zip(weights["scores.weight"], weights["scores.bias"]):
            scores.append(sum(a * c for a, c in zip(w, hidden)) + b)
        whole = math.log(sum(math.exp(score) for score in scores))
        own = [number for number, has in enumerate(row) if has] or [4]  # the last is "none"
        total += sum(whole - scores[number] for number in own) / len(own)
    return 0.25 * total / len(ATTRIBUTES)


def test_the_loss_is_that_of_plain_loops(head, features):
    for array in head.parameters():
        torch.nn.init.normal_(array)
    np.testing.assert_allclose(head.loss(features, LABELS, ATTRIBUTES).item(), by_hand(head, features), rtol=1e-12)


def test_its_gradient_is_that_of_finite_differences(head, features):
    features.requires_grad_()
    parameters = [head.category.weight, head.hidden.weight, head.scores.weight, head.scores.bias]
    assert torch.autograd.gradcheck(lambda x, *_: head.loss(x, LABELS, ATTRIBUTES), (features, *parameters))


def test_only_the_embeddings_of_the_categories_that_occur_learn(head, features):
    head.loss(features[:2], LABELS[:2], ATTRIBUTES[:2]).backward()
    moved = head.category.weight.grad.abs().sum(1) > 0
    assert moved.tolist() == [True, False, True]


def test_the_same_region_of_another_category_has_other_attributes(head, features):
    same = features[:1].expand(3, -1)
    found = head.probabilities(same, torch.tensor([0, 1, 0]))
    assert found.shape == (3, 4) and (found.sum(1) < 1).all()
    assert torch.equal(found[0], found[2]) and (found[0] - found[1]).abs().max() > 1e-5


def test_it_learns_a_rule_that_needs_the_category():
    """One region, two categories, each with an attribute of its own."""
    torch.manual_seed(0)
    head = AttributeHead(**SIZES, loss_weight=1.0)
    features, labels = torch.ones(2, 5), torch.tensor([0, 1])
    attributes = torch.tensor([[0, 0, 1, 0], [0, 0, 0, 0]])
    optimizer = torch.optim.Adam(head.parameters(), lr=0.05)
    for _ in range(100):
        optimizer.zero_grad()
        head.loss(features, labels, attributes).backward()
        optimizer.step()
    assert head.named(head.probabilities(features, labels)) == [[2], []]


def test_no_rows_give_no_loss_and_a_gradient_of_zero(head):
    loss = head.loss(torch.zeros(0, 5, dtype=torch.float64), LABELS[:0], ATTRIBUTES[:0])
    loss.backward()
    assert loss == 0 and all(not array.grad.any() for array in head.parameters())


def test_a_phrase_names_the_best_above_the_threshold(head):
    probabilities = torch.tensor([[0.2, 0.3, 0.4, 0.05], [0.99, 0, 0, 0], [0.1, 0.09, 0, 0], [0, 0, 0.05, 0.05]])
    assert head.named(probabilities) == [[2, 1], [0], [0], []]
    assert head.named(probabilities[:0]) == []


def test_data_with_other_attributes_is_refused_by_number(head, features):
    with pytest.raises(UserError, match="has 3 attributes, and the model's attribute_head num_attributes=4"):
        head.loss(features, LABELS, ATTRIBUTES[:, :3])
