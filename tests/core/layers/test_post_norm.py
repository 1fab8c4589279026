"""The post-norm block against torch's own encoder layer, in values and in gradients."""

import pytest
import torch
from torch import nn

from tandemclip.core.layers.attention import SelfAttention
from tandemclip.core.layers.block import FeedForward
from tandemclip.core.layers.post_norm import PostNormBlock
from tandemclip.tests.core.layers.running import array, judge, model, near, random_weights, tensor

THEIR_NAMES = {
    "attention.qkv.weight": "self_attn.in_proj_weight",
    "attention.qkv.bias": "self_attn.in_proj_bias",
    "attention.output.weight": "self_attn.out_proj.weight",
    "attention.output.bias": "self_attn.out_proj.bias",
    "attention_norm.weight": "norm1.weight",
    "attention_norm.bias": "norm1.bias",
    "feed_forward.expand.weight": "linear1.weight",
    "feed_forward.expand.bias": "linear1.bias",
    "feed_forward.shrink.weight": "linear2.weight",
    "feed_forward.shrink.bias": "linear2.bias",
    "feed_forward_norm.weight": "norm2.weight",
    "feed_forward_norm.bias": "norm2.bias",
}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("count, heads, eps", [(5, 2, 1e-12), (1, 4, 1e-2)])
def test_it_is_torchs_encoder_layer(count, heads, eps, masked):
    spec, x, cotangent = (
        PostNormBlock(SelfAttention(8, heads), FeedForward(8, 12, "gelu"), eps),
        array(1, 3, count, 8),
        array(2, 3, count, 8),
    )
    weights = random_weights(spec)
    there = torch.arange(count)[None] < torch.tensor([[count], [1], [max(1, count - 2)]])
    mask = there.double() if masked else None
    theirs = nn.TransformerEncoderLayer(8, heads, 12, 0.0, "gelu", eps, batch_first=True, dtype=torch.float64)
    theirs.load_state_dict({THEIR_NAMES[name]: tensor(w) for name, w in weights.items()})
    a, b = tensor(x, True), tensor(x, True)
    wanted = theirs(b, src_key_padding_mask=~there if masked else None)
    near(judge(spec, weights, x, None if mask is None else mask.numpy())[0], wanted)
    ours = model(spec, weights)
    got = ours(a, mask)
    near(got, wanted)
    (got * tensor(cotangent)).sum().backward()
    (wanted * tensor(cotangent)).sum().backward()
    near(a.grad, b.grad, 1e-10)
    for name, other in THEIR_NAMES.items():
        if count > 1 or "qkv" not in name:  # one token attends to itself, whatever q and k are: rounding is left
            near(ours.get_parameter(name).grad, theirs.get_parameter(other).grad, 1e-9)
