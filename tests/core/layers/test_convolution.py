"""How convolutions begin; what they compute is in test_linear.py."""

import pytest

from tandemclip.core.layers.convolution import by_outputs
from tandemclip.core.layers.stem import clip_stem
from tandemclip.core.spec import Normal


@pytest.mark.parametrize("kernel, groups", [(1, 1), (3, 1), (3, 4), (7, 1)])
def test_by_outputs_is_he_s_normal_over_what_a_place_gives(kernel, groups):
    """Standard deviation sqrt(2 / (outputs x kernel^2)), the groups left out as torchvision's MobileNet does."""
    parameter = by_outputs(8, 32, kernel, groups=groups).parameters()["weight"]
    assert parameter.shape == (32, 8 // groups, kernel, kernel)
    assert parameter.initial == Normal((2 / (32 * kernel * kernel)) ** 0.5)
    assert by_outputs(8, 32, kernel).parameters()["weight"].shape == (32, 8, kernel, kernel)  # one group if nobody says


def test_a_stem_of_an_odd_width_is_refused():
    with pytest.raises(ValueError, match="width 15 is not even"):
        clip_stem(15)
