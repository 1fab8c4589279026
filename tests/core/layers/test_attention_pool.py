"""The attention pool against torch's own multi-head attention, put together as in openai/CLIP, clip/model.py."""

import pytest
import torch
import torch.nn.functional as F

from tandemclip.core.layers.attention_pool import AttentionPool
from tandemclip.tests.core.layers.running import array, judge, near, random_weights


def theirs(weights, x, heads):  # AttentionPool2d.forward
    w = {name: torch.from_numpy(value) for name, value in weights.items()}
    x = torch.from_numpy(x).flatten(2).permute(2, 0, 1)
    x = torch.cat([x.mean(0, keepdim=True), x])
    if "positions" in w:
        x = x + w["positions"][:, None]
    pooled, _ = F.multi_head_attention_forward(
        query=x[:1], key=x, value=x, embed_dim_to_check=x.shape[-1], num_heads=heads,
        q_proj_weight=w["query.weight"], k_proj_weight=w["key.weight"], v_proj_weight=w["value.weight"],
        in_proj_weight=None, in_proj_bias=torch.cat([w["query.bias"], w["key.bias"], w["value.bias"]]),
        bias_k=None, bias_v=None, add_zero_attn=False, dropout_p=0.0, use_separate_proj_weight=True,
        out_proj_weight=w["output.weight"], out_proj_bias=w["output.bias"], training=False, need_weights=False,
    )  # fmt: skip
    return pooled[0]


@pytest.mark.parametrize("positions", [True, False])
@pytest.mark.parametrize("side, heads", [(1, 2), (3, 1), (2, 4)])
def test_the_pool_is_clips(side, heads, positions):
    spec = AttentionPool(side, 8, heads, 5, **({} if positions else {"positions": False}))  # there, if nobody says
    weights, x = random_weights(spec), array("pool", 3, 8, side, side)
    assert ("positions" in weights) == positions
    near(judge(spec, weights, x)[0], theirs(weights, x, heads))


@pytest.mark.parametrize("positions", [True, False])
def test_without_positions_the_order_of_the_places_says_nothing(positions):
    spec = AttentionPool(3, 8, 2, 5, positions=positions)
    weights, x = random_weights(spec), array("pool", 3, 8, 3, 3)
    one, other = (judge(spec, weights, y)[0] for y in (x, x[:, :, ::-1, ::-1]))
    assert (abs(one - other).max() < 1e-10) is not positions


def test_without_positions_the_map_may_have_any_size():
    spec = AttentionPool(3, 8, 2, 5, positions=False)
    weights, x = random_weights(spec), array("pool", 3, 8, 2, 5)
    near(judge(spec, weights, x)[0], theirs(weights, x, 2))
