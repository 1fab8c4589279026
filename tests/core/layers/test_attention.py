"""Self-attention and the transformer block against torch's own modules, in values and in gradients."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from tandemclip.backends.reference.ops import Reference
from tandemclip.core.layers.activation import activate
from tandemclip.core.layers.attention import SelfAttention, join_heads, split_heads
from tandemclip.core.layers.block import Block, FeedForward
from tandemclip.core.spec import initial_weights
from tandemclip.tests.core.layers.running import array, judge, model, near, random_weights, tensor

MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0]], float)
QUICK = lambda x: x * torch.sigmoid(1.702 * x)

THEIR_NAMES = {
    "qkv.weight": "in_proj_weight",
    "qkv.bias": "in_proj_bias",
    "output.weight": "out_proj.weight",
    "output.bias": "out_proj.bias",
}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("heads", [1, 4])
def test_self_attention(heads, causal, masked):
    spec, x, cotangent = SelfAttention(8, heads, causal), array(1, 3, 5, 8), array(2, 3, 5, 8)
    weights, mask = random_weights(spec), MASK if masked else None
    theirs = nn.MultiheadAttention(8, heads, batch_first=True, dtype=torch.float64)
    theirs.load_state_dict({THEIR_NAMES[name]: tensor(w) for name, w in weights.items()})
    a, b = tensor(x, True), tensor(x, True)
    ahead = torch.ones(5, 5).triu(1).bool() if causal else None
    padding = None if mask is None else torch.as_tensor(mask == 0)
    wanted = theirs(b, b, b, key_padding_mask=padding, attn_mask=ahead, need_weights=False)[0]
    near(judge(spec, weights, x, mask)[0], wanted)
    ours = model(spec, weights)
    got = ours(a, None if mask is None else tensor(mask))
    near(got, wanted)
    (got * tensor(cotangent)).sum().backward()
    (wanted * tensor(cotangent)).sum().backward()
    near(a.grad, b.grad, 1e-10)
    for name, other in THEIR_NAMES.items():
        near(ours.get_parameter(name).grad, theirs.get_parameter(other).grad, 1e-10)


def test_one_token_attends_to_itself():
    spec, x = SelfAttention(4, 2, causal=True), array(1, 2, 1, 4)
    weights = random_weights(spec)
    value = x @ weights["qkv.weight"][8:].T + weights["qkv.bias"][8:]
    near(judge(spec, weights, x)[0], value @ weights["output.weight"].T + weights["output.bias"])


def test_a_padded_slot_changes_nothing():
    spec, x = SelfAttention(8, 2), array(1, 3, 5, 8)
    weights = random_weights(spec)
    other = np.where(MASK[:, :, None] > 0, x, 100 * array(2, 3, 5, 8))
    real = MASK > 0
    near(judge(spec, weights, other, MASK)[0][real], judge(spec, weights, x, MASK)[0][real])


def test_a_causal_position_does_not_see_what_follows():
    spec, x = SelfAttention(8, 2, causal=True), array(1, 2, 5, 8)
    weights = random_weights(spec)
    other = np.concatenate([x[:, :3], array(2, 2, 2, 8)], 1)
    a, b = (judge(spec, weights, given)[0] for given in (x, other))
    near(a[:, :3], b[:, :3])
    assert np.abs(a[:, 3:] - b[:, 3:]).max() > 0.1


def test_heads_are_consecutive_slices_of_the_width():
    x = array(1, 2, 3, 8)
    split = split_heads(Reference(), x, 4)
    for head in range(4):
        assert (split[:, head] == x[:, :, 2 * head : 2 * head + 2]).all()
    assert (join_heads(Reference(), split) == x).all()


def test_the_fused_matrix_starts_xavier_uniform_as_that_of_torch():
    weights = initial_weights(SelfAttention(64, 4), 0)
    bound = math.sqrt(6 / (64 + 3 * 64))
    assert 0.99 * bound < np.abs(weights["qkv.weight"]).max() <= bound
    assert not weights["qkv.bias"].any() and not weights["output.bias"].any()


@pytest.mark.parametrize("kind, theirs", [("quick_gelu", QUICK), ("gelu", nn.functional.gelu)])
def test_the_block_is_a_pre_norm_encoder_layer(kind, theirs):
    spec = Block(SelfAttention(8, 2), FeedForward(8, 20, kind), eps=1e-3)
    weights, x = random_weights(spec), array(1, 3, 5, 8)
    layer = nn.TransformerEncoderLayer(
        8, 2, 20, 0.0, theirs, layer_norm_eps=1e-3, batch_first=True, norm_first=True, dtype=torch.float64
    )
    names = {f"attention.{ours}": f"self_attn.{other}" for ours, other in THEIR_NAMES.items()}
    for end in ("weight", "bias"):
        names |= {f"feed_forward.expand.{end}": f"linear1.{end}", f"feed_forward.shrink.{end}": f"linear2.{end}"}
        names |= {f"attention_norm.{end}": f"norm1.{end}", f"feed_forward_norm.{end}": f"norm2.{end}"}
    assert set(names) == set(weights)
    layer.load_state_dict({names[name]: tensor(w) for name, w in weights.items()})
    a, b = tensor(x, True), tensor(x, True)
    wanted = layer(b, src_key_padding_mask=torch.as_tensor(MASK == 0))
    near(judge(spec, weights, x, MASK)[0], wanted, 1e-11)
    ours = model(spec, weights)
    ours(a, tensor(MASK)).square().sum().backward()
    wanted.square().sum().backward()
    near(a.grad, b.grad, 1e-9)
    for name, other in names.items():
        near(ours.get_parameter(name).grad, layer.get_parameter(other).grad, 1e-9)


def test_activations():
    x = np.linspace(-6, 6, 25)
    near(activate(Reference(), "gelu", x), [v * 0.5 * math.erfc(-v / math.sqrt(2)) for v in x])
    near(activate(Reference(), "quick_gelu", x), [v / (1 + math.exp(-1.702 * v)) for v in x])
