"""Multi-head attention of one sequence to another (Vaswani et al. 2017)."""

from dataclasses import dataclass

from tandemclip.core.layers.attention import join_heads, split_heads
from tandemclip.core.layers.linear import Linear
from tandemclip.core.spec import Constant, Spec, Uniform


@dataclass(frozen=True)
class CrossAttention(Spec):
    """Queries from one sequence, keys and values from another of the same width. Initialised as torch's."""

    width: int
    heads: int

    def __post_init__(self):
        if self.heads < 1 or self.width % self.heads:
            raise ValueError(f"width {self.width} does not split into {self.heads} heads")

    def children(self):
        # torch holds the maps of q, k and v as one matrix [3 width, width], and draws that xavier uniform
        fused, zero = Uniform((6 / (4 * self.width)) ** 0.5), Constant(0.0)
        return {
            "query": Linear(self.width, self.width, True, fused, zero),
            "key_value": Linear(self.width, 2 * self.width, True, fused, zero),
            "output": Linear(self.width, self.width, True, None, zero),
        }

    def forward(self, ops, p, x, others):  # [B, N, width], [B, M, width] -> [B, N, width]
        key_value, width = p.key_value(others), self.width
        k, v = (split_heads(ops, key_value[:, :, i * width : (i + 1) * width], self.heads) for i in range(2))
        return p.output(join_heads(ops, ops.attention(split_heads(ops, p.query(x), self.heads), k, v)))
