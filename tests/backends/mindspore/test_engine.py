"""What the engine says of itself is what it does."""

import pytest

from tandemclip.backends.mindspore import ops
from tandemclip.backends.mindspore.engine import Engine, refuse
from tandemclip.core.errors import UserError


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_it_takes_the_precisions_that_it_names(precision):
    """MindSpore's kernels for a CPU have no bfloat16."""
    assert (precision in Engine.capabilities.precisions) == (precision != "bf16" or not ops.ON_CPU)
    if precision in Engine.capabilities.precisions:
        refuse(precision)
        return
    with pytest.raises(UserError, match=f"^training.precision is {precision}, .*take fp32 or fp16"):
        refuse(precision)
