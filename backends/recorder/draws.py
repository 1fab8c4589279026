"""How many random numbers the layers of a method take a sample: counted by recording a step, for it depends on the
passes.
"""

import numpy as np

from tandemclip.backends.recorder.record import record_features
from tandemclip.core.data.views.draws import DrawsView
from tandemclip.core.data.views.view import View, batch_arrays
from tandemclip.core.methods.method import DRAWS, Method

SAMPLES = 2  # a pair, as mixing wants
ENOUGH = 1 << 24  # columns while it is being counted


def training_views(method: Method) -> dict[str, View]:
    """What the data pipeline hands over in training: the method's views, and the random numbers of its layers."""
    views = method.views()
    count = drawn(method, views) if method.any_draws else 0
    return views | ({DRAWS: DrawsView(count)} if count else {})


def drawn(method: Method, views: dict[str, View]) -> int:
    """Uniform numbers that encoding one sample takes in training."""
    arrays = batch_arrays(views, SAMPLES) | {DRAWS: ((SAMPLES, ENOUGH), np.dtype(np.float32))}
    return record_features(method, arrays).drawn
