"""A small WordNet."""

import pytest

from tandemclip.tests.core.data.views.small_wordnet import write


@pytest.fixture
def write_wordnet():
    return write
