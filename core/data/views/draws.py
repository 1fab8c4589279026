"""Random numbers of a sample's own."""

from dataclasses import dataclass

import numpy as np

from tandemclip.core.data.views.view import View


@dataclass(frozen=True)
class DrawsView(View):
    """What a tower draws in training -> "": [count] float32, uniform in 0..1. The sample's own, whoever loads it."""

    count: int

    def arrays(self):
        return {"": ((self.count,), np.dtype(np.float32))}

    def __call__(self, record, rng, tokenizer):
        return {"": rng.random(self.count, np.float32)}
