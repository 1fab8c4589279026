"""A run that nothing happens to, which the broken ones are held against."""

import pytest

pytest.register_assert_rewrite("tandemclip.tests.faults.driver")  # so that its assertions say what differs

from tandemclip.tests.faults import driver  # noqa: E402


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """40 steps, 8 epochs, in one go."""
    out = tmp_path_factory.mktemp("whole")
    driver.finish(out, more=())
    return out
