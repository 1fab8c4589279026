"""How many random numbers the layers of a method take a sample: counted by recording a step, for it depends on the
passes.
"""

import numpy as np

from tandemclip.backends.recorder.record import record_features
from tandemclip.core.data.views.draws import DrawsView
from tandemclip.core.data.views.view import View, batch_arrays
from tandemclip.core.errors import UserError
from tandemclip.core.methods.features import CHOSEN
from tandemclip.core.methods.method import DRAWS, Method

SAMPLES = 2  # a pair, as mixing wants
ENOUGH = 1 << 24  # columns while it is being counted


def training_views(method: Method) -> dict[str, View]:
    """What the data pipeline hands over in training: the method's views, and the random numbers of its layers."""
    views = method.views()
    _check_names(method, views)
    count = drawn(method, views) if method.any_draws else 0
    return views | ({DRAWS: DrawsView(count)} if count else {})


def _check_names(method: Method, views: dict[str, View]) -> None:
    """One input of a program would silently stand for another."""
    taken = {DRAWS, *method.declared()}
    for name in batch_arrays(views, SAMPLES):
        if name in taken or name.startswith(CHOSEN):
            raise UserError(
                f"a view of {type(method).__name__} gives an array called {name!r}, which is what a parameter, a "
                "buffer, a choice or the random numbers of layers are called; call the view something else"
            )


def drawn(method: Method, views: dict[str, View]) -> int:
    """Uniform numbers that encoding one sample takes in training."""
    arrays = batch_arrays(views, SAMPLES) | {DRAWS: ((SAMPLES, ENOUGH), np.dtype(np.float32))}
    return record_features(method, arrays).drawn
