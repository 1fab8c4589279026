"""Classes by where they can be imported from."""

import pytest

from tandemclip.core.config.import_path import import_class
from tandemclip.core.errors import UserError


def test_it_is_the_class_of_that_place():
    assert import_class("tandemclip.core.errors:UserError", "type") is UserError


@pytest.mark.parametrize("name", [":b", ".a:b", "a..b:c", "nowhere:b", "tandemclip.core.errors:Nothing", ":", ""])
def test_what_cannot_be_imported_is_told(name):
    with pytest.raises(UserError, match="data.train.type '.*' cannot be imported: .*; expected package.module:Class"):
        import_class(name, "data.train.type")
