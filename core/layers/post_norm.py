"""The post-norm residual block of Vaswani et al. (2017), which BERT kept."""

from dataclasses import dataclass

from tandemclip.core.layers.norm import LayerNorm
from tandemclip.core.spec import Spec


@dataclass(frozen=True)
class PostNormBlock(Spec):
    """x = norm(x + attention(x)), then norm(x + feed_forward(x))."""

    attention: Spec  # with a `width`
    feed_forward: Spec
    eps: float

    def children(self):
        width = self.attention.width
        return {
            "attention": self.attention,
            "attention_norm": LayerNorm(width, self.eps),
            "feed_forward": self.feed_forward,
            "feed_forward_norm": LayerNorm(width, self.eps),
        }

    def forward(self, ops, p, x, mask=None):  # [B, N, width], [B, N] -> [B, N, width]
        x = p.attention_norm(x + p.attention(x, mask))
        return p.feed_forward_norm(x + p.feed_forward(x))
