"""A view whose arrays are not what it declares is an error, in training, evaluation and worker processes."""

from dataclasses import dataclass

import numpy as np
import pytest

from tandemclip.core.data.loading.loader import batches, evaluation_batches
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.views.view import View
from tandemclip.core.errors import UserError

SCENES = Scenes(count=20)
DECLARED = {"": ((3,), np.dtype(np.float32)), "_mask": ((), np.dtype(np.int32))}
RIGHT = {"": np.ones(3, np.float32), "_mask": np.int32(1)}


@dataclass(frozen=True, eq=False)
class Gives(View):
    found: dict

    def arrays(self):
        return DECLARED

    def __call__(self, record, rng, tokenizer):
        return self.found


def first(found, workers=0):
    options = {"batch_size": 4, "seed": 0, "start_step": 0, "stop_step": 1, "workers": workers}
    with batches(SCENES, {"thing": Gives(found)}, None, **options) as stream:
        return next(stream)


FAULTS = [
    ({"": RIGHT[""]}, "gives nothing for the suffix '_mask' and declares int32 []"),
    ({**RIGHT, "_lable": np.int32(1)}, "gives int32 [] for the suffix '_lable' and declares nothing"),
    ({**RIGHT, "": np.ones(1, np.float32)}, "gives float32 [1] for the suffix '' and declares float32 [3]"),
    ({**RIGHT, "": np.float32(1)}, "gives float32 [] for the suffix '' and declares float32 [3]"),
    ({**RIGHT, "": np.ones(3)}, "gives float64 [3] for the suffix '' and declares float32 [3]"),
    ({**RIGHT, "_mask": 1}, "gives int64 [] for the suffix '_mask' and declares int32 []"),
    ({}, "gives nothing for the suffix '' and declares float32 [3]"),
]


@pytest.mark.parametrize("found, words", FAULTS)
def test_what_was_not_declared_is_an_error(found, words):
    with pytest.raises(UserError) as caught:
        first(found)
    assert f"the view 'thing' (Gives) {words}; " in str(caught.value)
    with pytest.raises(UserError) as caught:
        next(evaluation_batches(SCENES, {"thing": Gives(found)}, None, 4))
    assert words in str(caught.value)


def test_a_worker_says_so_too():
    found, words = FAULTS[0]
    with pytest.raises(Exception, match="the view 'thing'") as caught:
        first(found, workers=1)
    assert words in str(caught.value)


def test_what_was_declared_is_taken():
    batch = first(RIGHT)
    assert np.array_equal(batch["thing"], np.ones((4, 3))) and np.array_equal(batch["thing_mask"], np.ones(4))
