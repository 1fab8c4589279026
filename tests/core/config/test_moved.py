"""Places that stored configurations may still name."""

from importlib import import_module

import pytest

from tandemclip.core.config.import_path import import_class
from tandemclip.core.config.moved import MOVED, MOVED_CLASSES, current


@pytest.mark.parametrize("old", MOVED)
def test_every_module_lies_where_the_table_says(old):
    module, _, name = current(f"tandemclip.{old}:Class").partition(":")
    assert module == f"tandemclip.{MOVED[old]}" and name == "Class" and import_module(module)


@pytest.mark.parametrize("old", MOVED_CLASSES)
def test_every_class_lies_where_the_table_says(old):
    found = import_class(f"tandemclip.{old}", "type")
    assert found.__name__ == old.partition(":")[2]
    assert f"{found.__module__}:{found.__name__}" == f"tandemclip.{MOVED_CLASSES[old]}"


def test_other_places_stay():
    assert current("core.data.views:View") == "core.data.views:View"  # of somebody else's package called core
    assert current("mine.data:Source") == "mine.data:Source"
