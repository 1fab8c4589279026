"""What a hash is of: parts with their ends, and the bytes of files."""

import hashlib

import pytest

from tandemclip.core.errors import UserError
from tandemclip.core.identity import Identity, of_bytes, of_file, of_files, size_of


def test_the_ends_of_parts_count():
    one, other = (of_bytes(parts, "here", 2, "names") for parts in ([b"ab", b"c"], [b"a", b"bc"]))
    assert one.sha256 != other.sha256 != of_bytes([b"abc"], "here", 2, "names").sha256
    assert one == of_bytes(iter([b"ab", b"c"]), "here", 2, "names")


def test_a_file_is_its_bytes(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"a\r\n")
    found = of_file(str(tmp_path / "t.csv"))
    assert found == Identity(hashlib.sha256(b"a\r\n").hexdigest(), f"{tmp_path}/t.csv", 3, "bytes")
    with pytest.raises(UserError, match="gone cannot be read .No such file.*bring it back"):
        of_file(str(tmp_path / "gone"))


def test_sizes_of_files_that_are_there_and_that_are_not(tmp_path):
    (tmp_path / "a").write_bytes(b"123")
    assert [size_of(tmp_path, name) for name in ("a", "b", "a\0")] == [3, -1, -1]
    empty = of_files(b"", lambda number: 1 / 0, 0, "here")
    assert empty["names"].count == empty["sizes"].count == 0


@pytest.mark.parametrize("then, now, told", [
    ((8, "records"), (5, "records"), "8 records then and 5 now"),
    ((10_000_000, "records"), (10_000_000, "records"), "10,000,000 records then and now, but others"),
    ((None, ""), (None, ""), f"SHA-256 {'a' * 12}, x then and SHA-256 {'b' * 12}, y now"),
])  # fmt: skip
def test_a_difference_in_words(then, now, told):
    assert Identity("a" * 64, "x", *then).against(Identity("b" * 64, "y", *now)) == told
