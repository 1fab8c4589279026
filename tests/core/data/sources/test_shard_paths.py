"""The tar files that a path names."""

import pytest

from tandemclip.core.data.sources.shard_paths import files, packed_beside
from tandemclip.core.errors import UserError


@pytest.fixture
def folder(tmp_path):
    for name in ("0.tar", "1.tar", "10.tar", "part[2].tar", "{a,b}.tar", "0.tar.index.npy", "deep/3.tar", "none/x.txt",
                 "up/A.TAR", "up/b.tar", "up/._b.tar", "up/c.tar.gz", "up/d.tgz", "a::b.tar"):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize("pattern, names", [
    ("0.tar", "0.tar"), ("", "0.tar 1.tar 10.tar a::b.tar part[2].tar {a,b}.tar"), ("deep", "deep/3.tar"),
    ("part[2].tar", "part[2].tar"), ("{a,b}.tar", "{a,b}.tar"), ("{0..1}.tar", "0.tar 1.tar"),
    ("{1,0}.tar", "1.tar 0.tar"), ("{,deep/}[03].tar", "0.tar deep/3.tar"), ("{08..10}.tar", "08.tar 09.tar 10.tar"),
    ("{8..10}.tar", "8.tar 9.tar 10.tar"), ("{deep,x}/{3..4}.tar", "deep/3.tar deep/4.tar x/3.tar x/4.tar"),
    ("**/*3.tar", "deep/3.tar"), ("gone.tar", "gone.tar"), ("up", "up/A.TAR up/b.tar"), ("a::b.tar", "a::b.tar"),
])  # fmt: skip
def test_files_folders_patterns_and_braces(folder, pattern, names):
    found = files(str(folder / pattern) if pattern else str(folder))
    assert [path.removeprefix(f"{folder}/") for path in found] == names.split()


@pytest.mark.parametrize("pattern, words", [
    ("none", "none has no .tar files"), ("x*.tar", "no file matches"), ("{3..1}.tar", "{3..1} in .* counts down"),
    ("{0..99999999}.tar", "too far"), ("{x*,y*}.tar", "no file matches"),
])  # fmt: skip
def test_nothing_is_named_in_a_sentence(folder, pattern, words):
    with pytest.raises(UserError, match=words):
        files(str(folder / pattern))


def test_an_empty_name_is_told():
    with pytest.raises(UserError, match="a name in paths is empty"):
        files("")


def test_several_with_two_colons_between(folder):
    found = files(f"{folder}/{{1..0}}.tar".replace("1..0", "0..1") + f"::{folder}/deep")
    assert found == [str(folder / name) for name in ("0.tar", "1.tar", "deep/3.tar")]


@pytest.mark.parametrize(
    "pattern", ["https://x.org/{0..3}.tar", "s3://bucket/0.tar", "S3://bucket/0.tar", "pipe:cat 0.tar"]
)
def test_what_is_on_no_disk_is_refused(pattern):
    with pytest.raises(UserError, match="is on no disk"):
        files(pattern)


def test_other_archives_beside_the_shards_are_named(folder):
    assert packed_beside(str(folder / "up")) == ["c.tar.gz", "d.tgz"] and packed_beside(str(folder / "*.tar")) == []
