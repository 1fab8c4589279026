"""One vector a text, indexed by what the text is: UniCL's ablation of its language encoder (Yang et al.

2022, Table 3).
"""

from dataclasses import dataclass

from tandemclip.core.spec import Normal, Parameter
from tandemclip.core.towers.tower import TextTower


@dataclass(frozen=True)
class TextEmbedding(TextTower):
    """The linear layer W of classes: texts are told apart by their first token, so that each has to be one token (a
    `trained` tokenizer with `level: text`). A text that was not trained on has no vector.
    """

    vocab_size: int
    embed_dim: int
    context_length: int = 3  # start, the text, end

    def parameters(self):
        return {"tokens": Parameter((self.vocab_size, self.embed_dim), Normal(0.02))}

    def forward(self, ops, p, ids):  # int [B, L] -> [B, embed_dim]
        return ops.take(p["tokens"], ids[:, 1])
