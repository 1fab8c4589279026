"""One vector a text, indexed by what the text is: UniCL's ablation of its language encoder (Yang et al.

2022, Table 3).
"""

from dataclasses import dataclass

from tandemclip.core.bounds import Count, TextLength
from tandemclip.core.errors import UserError
from tandemclip.core.spec import Normal, Parameter
from tandemclip.core.towers.tower import TextTower

NO_STAGES = "a text_embedding has no blocks, and so no stages; take a text_transformer"


@dataclass(frozen=True)
class TextEmbedding(TextTower):
    """The linear layer W of classes: texts are told apart by their first token, so that each has to be one token (a
    `trained` tokenizer with `level: text`). A text that was not trained on has no vector.

    context_length: ids of a text; three are start, the text and end.
    """

    vocab_size: Count
    embed_dim: Count
    context_length: TextLength = 3  # start, the text, end

    def parameters(self):
        return {"tokens": Parameter((self.vocab_size, self.embed_dim), Normal(0.02))}

    @property
    def feature_dim(self):
        return self.embed_dim

    @property
    def token_dim(self):
        return self.embed_dim

    @property
    def stage_dims(self):
        raise UserError(NO_STAGES)

    def trunk(self, ops, p, ids, table=None):  # int [B, L], [V, embed_dim] -> [B, embed_dim]
        return (ops.take(p["tokens"] if table is None else table, ids[:, 1]),)

    def read_features(self, ops, p, seen):
        return seen.last

    def read_embedding(self, ops, p, seen):  # there is no projection
        return seen.features

    def read_tokens(self, ops, p, seen):  # the text as one token
        return ops.reshape(seen.last, (seen.last.shape[0], 1, self.embed_dim)), None

    def read_stages(self, ops, p, seen):
        raise UserError(NO_STAGES)
