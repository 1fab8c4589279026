"""Multi-head self-attention (Vaswani et al. 2017), q, k, v fused as in CLIP."""

from dataclasses import dataclass

from tandemclip.core.layers.linear import Linear
from tandemclip.core.spec import Constant, Normal, Spec, Uniform


def split_heads(ops, x, heads):  # [B, N, heads * d] -> [B, heads, N, d]
    batch, count, width = x.shape
    return ops.transpose(ops.reshape(x, (batch, count, heads, width // heads)), (0, 2, 1, 3))


def join_heads(ops, x):  # [B, heads, N, d] -> [B, N, heads * d]
    batch, heads, count, depth = x.shape
    return ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (batch, count, heads * depth))


@dataclass(frozen=True)
class SelfAttention(Spec):
    width: int
    heads: int
    causal: bool = False
    qkv_initial: Normal | Uniform | None = None  # default: xavier uniform over the fused matrix, as torch's
    output_initial: Normal | Uniform | None = None

    def children(self):
        xavier = Uniform((6 / (4 * self.width)) ** 0.5)
        zero = Constant(0.0)
        return {
            "qkv": Linear(self.width, 3 * self.width, True, self.qkv_initial or xavier, zero),
            "output": Linear(self.width, self.width, True, self.output_initial, zero),
        }

    def forward(self, ops, p, x, mask=None):  # [B, N, width], [B, N] -> [B, N, width]
        qkv, width = p.qkv(x), self.width
        q, k, v = (split_heads(ops, qkv[:, :, i * width : (i + 1) * width], self.heads) for i in range(3))
        return p.output(join_heads(ops, ops.attention(q, k, v, mask, self.causal)))
