"""What tests of detectors train on: scenes, written as a user's command writes them."""

import pytest

from tandemclip.tools import prepare


@pytest.fixture(scope="session")
def scenes(tmp_path_factory):
    """The folder: 12 pictures of 128 pixels to train on, 4 to test."""
    out = tmp_path_factory.mktemp("detection") / "scenes"
    source = ["scenes", "size=128", "seed=1"]
    splits = ["--split", "train", *source, "count=12", "--split", "test", *source, "count=4", "split=held_out"]
    assert prepare.main(["detection", *splits, "--out", str(out)]) == 0
    return out
