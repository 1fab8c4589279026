"""Finding an engine by name."""

import pytest

from tandemclip import backends
from tandemclip.core.errors import UserError


def test_engines_that_train_are_found_by_their_folder():
    assert backends.names() == ["mindspore", "torch"]
    assert backends.load("torch").name == "torch"


def test_an_unknown_name_is_answered_with_those_there_are():
    with pytest.raises(UserError, match="'tensorflow'.*mindspore, torch.*--backend"):
        backends.load("tensorflow")
