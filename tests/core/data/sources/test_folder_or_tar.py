"""Files by name: the same from a folder and from a tar file."""

import pickle
import tarfile

import pytest

from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.data.sources.folder_or_tar import open_files
from tandemclip.core.errors import UserError


@pytest.fixture
def folder(tmp_path):
    for name, content in {"a.b.xml": b"1", "z.txt": b"", "Sub/Main/x.txt": b"22", "Sub/y.jpg": b"333"}.items():
        (tmp_path / "all" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "all" / name).write_bytes(content)
    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        for path in sorted((tmp_path / "all").rglob("*"), reverse=True):
            archive.add(path, path.relative_to(tmp_path / "all"), recursive=False)
    return tmp_path


@pytest.mark.parametrize("place", ["all", "all.tar"])
def test_both_hold_the_same(folder, place):
    files = pickle.loads(pickle.dumps(open_files(str(folder / place), "test")))
    assert [files.within(name) for name in ("", "Sub", "Sub/Main", "none")] == [
        ["a.b.xml", "z.txt"],
        ["y.jpg"],
        ["x.txt"],
        [],
    ]
    assert [files.read(name) for name in ("a.b.xml", "z.txt", "Sub/Main/x.txt")] == [b"1", b"", b"22"]
    assert [files.folders(name) for name in ("", "Sub", "Sub/Main", "none")] == [["Sub"], ["Main"], [], []]
    asked = ("gone", "a.b.xml", "Sub/y.jpg", "Sub/Main", "none/x.txt", "Sub/Main/x.txt", "Sub/gone")
    assert files.missing(asked) == ["gone", "Sub/Main", "none/x.txt", "Sub/gone"]
    assert files.key("Sub/y.jpg") == f"{folder}/{place}/Sub/y.jpg"
    for name in ("gone.jpg", "Sub", "a\0"):
        with pytest.raises(BrokenRecord, match=f"{place}/{name}: ") as error:
            files.read(name)
        assert "Windows" not in str(error.value)
    with pytest.raises(BrokenRecord, match=r"its path has backslashes, as on Windows: write / between folders"):
        files.read("Sub\\y.jpg")


def test_neither_is_refused(folder):
    with pytest.raises(UserError, match="test: .*gone is no folder"):
        open_files(str(folder / "gone"), "test")
    (folder / "x.zip").write_bytes(b"PK no tar file")
    with pytest.raises(UserError, match="x.zip is no plain tar file"):
        open_files(str(folder / "x.zip"), "test").within("")
