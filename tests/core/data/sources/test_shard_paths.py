"""The tar files that a path names."""

import pytest

from tandemclip.core.data.sources.shard_paths import files
from tandemclip.core.errors import UserError


@pytest.fixture
def folder(tmp_path):
    for name in ("0.tar", "1.tar", "10.tar", "part[2].tar", "{a,b}.tar", "0.tar.index.npy", "deep/3.tar", "none/x.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize("pattern, names", [
    ("0.tar", "0.tar"), ("", "0.tar 1.tar 10.tar part[2].tar {a,b}.tar"), ("deep", "deep/3.tar"),
    ("part[2].tar", "part[2].tar"), ("{a,b}.tar", "{a,b}.tar"), ("{0..1}.tar", "0.tar 1.tar"),
    ("{1,0}.tar", "1.tar 0.tar"), ("{,deep/}[03].tar", "0.tar deep/3.tar"), ("{08..10}.tar", "08.tar 09.tar 10.tar"),
    ("{8..10}.tar", "8.tar 9.tar 10.tar"), ("{deep,x}/{3..4}.tar", "deep/3.tar deep/4.tar x/3.tar x/4.tar"),
    ("**/*3.tar", "deep/3.tar"), ("gone.tar", "gone.tar"),
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
