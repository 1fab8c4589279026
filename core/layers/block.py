"""The pre-norm residual block of every transformer tower."""

from dataclasses import dataclass

from tandemclip.core.layers.activation import Activation, activate
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
    """x + attention(norm x), then x + feed_forward(norm x)."""

    attention: Spec  # with a `width`
    feed_forward: Spec
    eps: float = 1e-5

    def children(self):
        width = self.attention.width
        return {
            "attention_norm": LayerNorm(width, self.eps),
            "attention": self.attention,
            "feed_forward_norm": LayerNorm(width, self.eps),
            "feed_forward": self.feed_forward,
        }

    def forward(self, ops, p, x, mask=None):  # [B, N, width], [B, N] -> [B, N, width]
        x = x + p.attention(p.attention_norm(x), mask)
        return x + p.feed_forward(p.feed_forward_norm(x))
