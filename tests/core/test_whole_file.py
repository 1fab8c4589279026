"""Folders that are whole or not there (files: by what writes them)."""

import pytest

from tandemclip.core.errors import UserError
from tandemclip.core.whole_file import whole_folder


def test_a_folder_has_its_name_once_it_is_whole(tmp_path):
    with whole_folder(tmp_path / "new" / "out") as folder:
        (folder / "a").write_text("1")
        assert not (tmp_path / "new" / "out").exists()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out"]
    assert (tmp_path / "new" / "out" / "a").read_text() == "1"


@pytest.mark.parametrize("error, seen", [(KeyboardInterrupt, KeyboardInterrupt), (OSError, UserError)])
def test_what_goes_wrong_leaves_nothing(tmp_path, error, seen):
    with pytest.raises(seen):
        with whole_folder(tmp_path / "out") as folder:
            (folder / "a").write_text("1")
            raise error
    assert not list(tmp_path.iterdir())


def test_what_is_there_stays(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match="out is there already"):
        with whole_folder(tmp_path / "out"):
            raise AssertionError("nothing is begun")
    with pytest.raises(UserError, match="cannot be written"):
        with whole_folder(tmp_path / "other") as folder:
            (folder / "a").write_text("1")
            (tmp_path / "other").mkdir()  # somebody else's, while this one was written
            (tmp_path / "other" / "b").write_text("2")
    assert (tmp_path / "other" / "b").read_text() == "2" and not (tmp_path / ".other.part").exists()


def test_what_a_kill_left_is_not_taken_over(tmp_path):
    (tmp_path / ".out.part").mkdir()
    (tmp_path / ".out.part" / "old").write_text("0")
    with whole_folder(tmp_path / "out"):
        pass
    assert not list((tmp_path / "out").iterdir())
