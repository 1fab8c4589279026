"""What every reporter is given."""

import math

import numpy as np

from tandemclip.core.training.reporting.reporter import Begun, scalars


def test_every_number_has_a_tag():
    row = {"step": 3, "loss": np.float32(0.5), "terms": {"image": 1, "deep": {"er": 2.0}}, "skipped": True}
    row |= {"gradient_norm": None, "engine": "torch"}
    assert scalars(row) == {"loss": 0.5, "terms/image": 1.0, "terms/deep/er": 2.0, "skipped": 1.0}


def test_the_scale_is_shown_as_it_is_learned_and_as_it_multiplies():
    found = scalars({"step": 1, "logit_scale": np.log(1 / 0.07)})
    assert set(found) == {"logit_scale/log", "logit_scale/exp"}
    assert math.isclose(found["logit_scale/exp"], 1 / 0.07) and math.isclose(found["logit_scale/log"], 2.6592600369)
    assert scalars({"step": 1, "logit_scale": None}) == {}


def test_a_run_that_goes_on_keeps_its_name_and_a_new_one_gets_a_new_name(tmp_path):
    names = iter("abcd")
    name = lambda step, reporter="x": Begun(tmp_path, {}, step).identity(reporter, lambda: next(names))
    assert [name(None), name(3), name(0), name(3, "y"), name(None)] == ["a", "a", "a", "b", "c"]
