"""The pre-norm residual block of every transformer tower but BERT."""

from dataclasses import dataclass

from tandemclip.core.layers.activation import Activation, activate
from tandemclip.core.layers.drop_path import DropPath
from tandemclip.core.layers.linear import Linear
from tandemclip.core.layers.norm import LayerNorm
from tandemclip.core.spec import Constant, Normal, Spec, Uniform


@dataclass(frozen=True)
class FeedForward(Spec):
    width: int
    hidden: int
    activation: Activation = "quick_gelu"
    expand_initial: Normal | Uniform | None = None
    shrink_initial: Normal | Uniform | None = None
    bias_initial: Constant | Uniform | None = None

    def children(self):
        return {
            "expand": Linear(self.width, self.hidden, True, self.expand_initial, self.bias_initial),
            "shrink": Linear(self.hidden, self.width, True, self.shrink_initial, self.bias_initial),
        }

    def forward(self, ops, p, x):  # [..., width] -> [..., width]
        return p.shrink(activate(ops, self.activation, p.expand(x)))


@dataclass(frozen=True)
class Block(Spec):
    """x + attention(norm x), then x + feed_forward(norm x).

    drop_path: the chance to lose either branch in training, None for a block that never does.
    """

    attention: Spec  # with a `width`
    feed_forward: Spec
    eps: float = 1e-5
    drop_path: float | None = None

    def children(self):
        width = self.attention.width
        own = {
            "attention_norm": LayerNorm(width, self.eps),
            "attention": self.attention,
            "feed_forward_norm": LayerNorm(width, self.eps),
            "feed_forward": self.feed_forward,
        }
        if self.drop_path is None:
            return own
        return own | {"attention_drop": DropPath(self.drop_path), "feed_forward_drop": DropPath(self.drop_path)}

    def forward(self, ops, p, x, *mask, **grid):  # [B, N, width] or a map -> the same
        """mask: [B, N] where the attention takes one. grid: what the feed-forward takes beside x, LeFF's `grid`."""
        attended = p.attention(p.attention_norm(x), *mask)
        x = x + (attended if self.drop_path is None else p.attention_drop(attended))
        fed = p.feed_forward(p.feed_forward_norm(x), **grid)
        return x + (fed if self.drop_path is None else p.feed_forward_drop(fed))
