"""Plain tar files, by their headers: held against Python's own reader."""

import io
import random
import tarfile

import pytest

from tandemclip.core.data.account import Named
from tandemclip.core.data.sources.tar_members import read_members
from tandemclip.core.errors import UserError


def add(archive, name, content=b"", kind=tarfile.REGTYPE, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, len(content)
    archive.addfile(info, io.BytesIO(content))


def contents(path):
    data = open(path, "rb").read()
    members = read_members(str(path))
    return {name: data[offset : offset + size] for name, (offset, size) in members.spans.items()}, members


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_what_tarfile_reads(tmp_path, form):
    expected = {"./a.png": b"1", "long/" + "é" * 60 + "/b.txt": b"22", "empty.txt": b"", "c": bytes(2000)}
    with tarfile.open(tmp_path / "x.tar", "w", format=form) as archive:
        add(archive, "folder", kind=tarfile.DIRTYPE)
        for name, content in expected.items():
            add(archive, name, content)
    found, members = contents(tmp_path / "x.tar")
    assert found == {name.removeprefix("./"): content for name, content in expected.items()}
    assert members.all == 4 and members.passed_over == {}


def test_links_have_the_content_that_they_lead_to(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        add(archive, "./d/a.png", b"A")
        add(archive, "hard.png", kind=tarfile.LNKTYPE, target="./d/a.png")
        add(archive, "e/hard.png", kind=tarfile.LNKTYPE, target="d/a.png")  # a member's name, from any folder
        add(archive, "e/soft.png", kind=tarfile.SYMTYPE, target="../d/a.png")
        add(archive, "d/two.png", kind=tarfile.SYMTYPE, target="../e/soft.png")
        add(archive, "early.png", kind=tarfile.SYMTYPE, target="late.png")
        add(archive, "late.png", b"L")
        add(archive, "gone.png", kind=tarfile.SYMTYPE, target="nowhere.png")
        add(archive, "out.png", kind=tarfile.SYMTYPE, target="/etc/hosts")
        add(archive, "round.png", kind=tarfile.SYMTYPE, target="round.png")
        add(archive, "pipe.png", kind=tarfile.FIFOTYPE)
        add(archive, "holes.png", kind=tarfile.GNUTYPE_SPARSE)
    found, members = contents(tmp_path / "x.tar")
    assert found == {
        "d/a.png": b"A", "hard.png": b"A", "e/hard.png": b"A", "e/soft.png": b"A", "d/two.png": b"A", "early.png": b"L",
        "late.png": b"L",
    }  # fmt: skip
    assert members.all == 12
    assert members.passed_over == {
        "it is no file (a device, a pipe)": Named(1, ("pipe.png",)),
        "it is stored as a sparse file": Named(1, ("holes.png",)),
        "it is a link to nothing in the tar file": Named(3, ("gone.png", "out.png", "round.png")),
    }


@pytest.mark.parametrize("between", [0, 512, 30 * 512, 1 << 17])
def test_archives_one_behind_the_other(tmp_path, between):
    whole = b""
    for number in range(4):
        with tarfile.open(tmp_path / "one.tar", "w") as archive:
            add(archive, f"{number}.png", str(number).encode() * 700)
        last = (tmp_path / "one.tar").read_bytes()
        whole += last + bytes(between) if number < 3 else b""
    (tmp_path / "all.tar").write_bytes(whole)
    found, members = contents(tmp_path / "all.tar")
    assert found == {f"{number}.png": str(number).encode() * 700 for number in range(3)} and members.all == 3
    for tail in (b"x", b"\0" * 600 + b"no header" * 100, last[:700]):
        (tmp_path / "all.tar").write_bytes(whole + tail)
        with pytest.raises(UserError, match="all.tar is .*cut short"):
            read_members(str(tmp_path / "all.tar"))


def test_a_name_that_stands_twice_is_an_error(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        add(archive, "a.png", b"1")
        add(archive, "./a.png", b"2")
    with pytest.raises(UserError, match="x.tar holds a.png twice"):
        read_members(str(tmp_path / "x.tar"))


def test_edited_headers_end_in_a_sentence_or_in_members(tmp_path):
    """Never a traceback, nor a loop."""
    with tarfile.open(tmp_path / "x.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        for name in ("a.png", "é" * 80 + ".txt", "b.png"):
            add(archive, name, b"x" * 600)
    whole, rng = (tmp_path / "x.tar").read_bytes(), random.Random(0)
    refused = 0
    for _ in range(300):
        edited = bytearray(whole)
        for _ in range(rng.choice((1, 3))):
            edited[rng.randrange(6000)] = rng.choice((0, 0x80, 0xFF, 0x30, rng.randrange(256)))
        (tmp_path / "e.tar").write_bytes(edited)
        try:
            members = read_members(str(tmp_path / "e.tar"))
            assert all(0 <= offset and offset + size <= len(whole) for offset, size in members.spans.values())
        except UserError:
            refused += 1
    assert 50 < refused < 300


def test_a_size_below_zero_is_refused(tmp_path):
    """It leads back to its own header: read for ever by a reader that believes it."""
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        add(archive, "a.png", b"x")
        add(archive, "b.png", b"x")
    data = bytearray((tmp_path / "x.tar").read_bytes())
    header = data[1024:1536]
    header[124:136] = (-1024).to_bytes(12, "big", signed=True)
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    data[1024:1536] = header
    (tmp_path / "x.tar").write_bytes(data)
    with pytest.raises(UserError, match="leads backwards"):
        read_members(str(tmp_path / "x.tar"))
