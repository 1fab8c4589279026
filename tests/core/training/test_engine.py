"""What engines say of a node that nobody visits."""

import pytest

from tandemclip.core.training.engine import not_visited

VISITS = {f"image.blocks.{number}": 1 for number in range(12)}


@pytest.mark.parametrize(
    "node, hint",
    [
        (("image.block.3", 0), "no node 'image.block.3' gives an array: did you mean image.blocks.3 or "),
        (("image.blocks.3", 1), "the node image.blocks.3 gives 1 arrays, and number 2 is asked for"),
    ],
)
def test_a_node_near_it_is_named(node, hint):
    assert str(not_visited(node, VISITS)).startswith(hint)


def test_where_none_is_near_eight_are_named():
    assert str(not_visited(("zzz", 0), VISITS)).endswith(f"there are {', '.join([*VISITS][:8])} ...")
