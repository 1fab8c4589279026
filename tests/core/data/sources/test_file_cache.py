"""What was found in a file is kept beside it, for exactly that state of the file and that release's format."""

import os

import numpy as np
import pytest

from tandemclip.core.data.sources.file_cache import cached, places, stamp
from tandemclip.core.errors import UserError


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.tar"
    path.write_bytes(b"one")
    return path


def never():
    raise AssertionError("it was found before")


def test_it_is_found_once_for_a_state_and_kept_beside_the_file(file):
    assert cached(stamp(str(file)), "index", lambda: np.arange(3)).tolist() == [0, 1, 2]
    assert cached(stamp(str(file)), "index", never).tolist() == [0, 1, 2]
    assert cached(stamp(str(file)), "labels", lambda: np.arange(2)).tolist() == [0, 1]
    (kept,) = file.parent.glob("a.tar.*.index.npy")
    file.write_bytes(b"four")
    assert cached(stamp(str(file)), "index", lambda: np.arange(5)).tolist() == [0, 1, 2, 3, 4]
    assert not kept.exists() and len([*file.parent.glob("a.tar.*.labels.npy")]) == 1  # the old index goes, and no other


def test_what_an_earlier_release_has_kept_is_not_taken(file):
    """Its entries may have other fields."""
    here = stamp(str(file))
    for version in (1, 2):
        np.save(file.parent / f"a.tar.{here.size}-{here.modified}.v{version}.index.npy", np.arange(9))
    assert cached(here, "index", lambda: np.arange(3)).tolist() == [0, 1, 2]


def test_what_is_not_whole_is_found_again(file):
    here = stamp(str(file))
    places(here, "index")[0].write_bytes(b"\x93NUMPY")
    assert cached(here, "index", lambda: np.arange(3)).tolist() == [0, 1, 2]


def test_a_folder_that_is_not_to_be_written_into_is_left_alone(file, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    os.chmod(file.parent, 0o555)
    try:
        assert cached(stamp(str(file)), "index", lambda: np.arange(3)).tolist() == [0, 1, 2]
        assert not [*file.parent.glob("a.tar.*")]
        assert len(places(stamp(str(file)), "index")) == 2
    finally:
        os.chmod(file.parent, 0o755)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="gone.tar cannot be opened .No such file"):
        stamp(str(tmp_path / "gone.tar"))
