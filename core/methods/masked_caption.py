"""How methods read a caption with masked words (core/data/views/masked.py): [MASK] is one row more of the text tower's
embedding, which no export holds.
"""

from tandemclip.core.spec import Normal, Parameter

MASK = "auxiliary.mask"


def mask_embedding(text):
    """{name: parameter} of the embedding of [MASK], for a method with this text tower."""
    return {MASK: Parameter((1, text.token_dim), Normal(0.02))}


def read_masked(ops, p, batch):
    """The text tower's pass over the masked caption of a batch that has a MaskedTextView as "text"."""
    table = ops.concat((p.child("text")["tokens"], p[MASK]), 0)
    return p.text.encode(batch["text_masked"], table, batch["text_end"])
