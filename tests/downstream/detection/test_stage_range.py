"""A part of a tower has what it uses and nothing else."""

import numpy as np
import pytest

from tandemclip.backends.reference.ops import Reference
from tandemclip.core.spec import Run, Scope
from tandemclip.downstream.detection.stage_range import StageRange
from tandemclip.tests.downstream.detection.towers import CONVOLUTIONAL, TOWERS, judged, method, pictures, weights_of

BEHIND = ("pool.", "projection.", "output_norm.", "rois.")  # what is no part of any stage


@pytest.mark.parametrize("name", TOWERS)
def test_parts_share_no_names_and_are_the_trunk_together(name):
    tower = method(name).image
    count = len(tower.stage_depths)
    front = StageRange(tower, 0, 0).declared()
    parts = [StageRange(tower, i, i + 1).declared() for i in range(1, count)]
    first = StageRange(tower, 0, 1).declared()
    trunk = {n: item for n, item in tower.declared().items() if not n.startswith(BEHIND)}
    assert StageRange(tower, 0, count).declared() == trunk
    assert sum(map(len, parts), len(first)) == len(trunk)
    assert front and front.items() < first.items() and all(parts)
    assert not any(n.startswith(("stages.", "blocks.", "merges.")) for n in front)


@pytest.mark.parametrize("name", TOWERS)
def test_strides_are_those_of_the_maps(name):
    tower = method(name).image
    for stop in (1, 3, 4):
        maps = judged(name, weights_of(method(name)), pictures(64, 64))[:stop]
        assert StageRange(tower, 0, stop).strides == tuple(64 // x.shape[2] for x in maps)
    assert tower.stride == StageRange(tower, 0, 4).strides[-1]


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_a_stage_goes_on_from_the_map_before_it(name):
    weights = weights_of(method(name))
    own = {n.removeprefix("image."): x.astype(np.float64) for n, x in weights.items()}
    wanted = judged(name, weights, pictures(32, 96))
    for start, stop in ((1, 4), (3, 4), (2, 3)):
        part = StageRange(method(name).image, start, stop)
        used = {n: own[n] for n in part.declared()}
        found = Scope(part, Run(Reference(), used, False))(wanted[start - 1])
        assert all(np.array_equal(a, b) for a, b in zip(found, wanted[start:stop], strict=True))
