"""A disk that is full, read-only, or rots: one line, nothing lost, and the run goes on once that is put right."""

import os
import re
import subprocess
from contextlib import contextmanager

import pytest

from tandemclip.core.training import checkpoint, journal
from tandemclip.tests.faults import driver
from tandemclip.tests.faults.driver import run

LARGE = 10_000_000  # bytes
JOURNAL = r"the journal of|journal\.jsonl cannot be written"


def told(capsys):
    line = capsys.readouterr().err
    assert line.startswith("error: ") and line.count("\n") == 1
    return line


def mount(*arguments):
    result = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True)
    if result.returncode:
        pytest.skip(f"this account cannot mount a file system of its own ({result.stderr.strip()})")


@pytest.fixture
def small_disk(tmp_path):
    """A folder that is a disk of its own; small_disk.resize(bytes)."""

    class Disk:
        folder = tmp_path / "disk"

        def resize(self, size):
            mount("-o", f"remount,size={size}", self.folder)

    Disk.folder.mkdir()
    mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", Disk.folder)
    yield Disk()
    subprocess.run(["umount", "--lazy", Disk.folder], check=True)


@contextmanager
def read_only(folder):
    """For this account: root is not stopped by permissions."""
    if os.geteuid():
        folder.chmod(0o555)
        yield
        folder.chmod(0o755)
        return
    mount("--bind", folder, folder)
    try:
        mount("-o", "remount,bind,ro", folder)
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    assert run(out, more=()) == 0
    return out


def test_a_full_disk(whole, small_disk, capsys):
    out, size = small_disk.folder / "run", sum(map(len, driver.contents(driver.newest(whole).folder).values()))
    small_disk.resize(size * 5 // 2)  # for two checkpoints
    assert run(out, more=()) == 2
    assert "the checkpoint of step 9 could not be written" in (line := told(capsys)) and "No space left" in line
    assert driver.newest(out).step == 6
    small_disk.resize(LARGE)
    assert run(out) == 0
    driver.assert_same(out, whole)


def test_a_disk_too_full_for_the_journal(whole, small_disk, capsys):
    out = small_disk.folder / "run"
    small_disk.resize(LARGE)
    assert run(out, more=("--max-steps", 3)) == 0
    ballast = small_disk.folder / "ballast"
    with open(ballast, "wb", buffering=0) as file, pytest.raises(OSError):
        while True:
            file.write(bytes(4096))
    assert run(out) == 2
    assert re.search(JOURNAL, line := told(capsys)) and "No space left" in line
    assert driver.newest(out).step == 3
    ballast.unlink()
    assert run(out) == 0
    driver.assert_same(out, whole)


def test_rows_are_on_the_disk_before_the_checkpoint_that_counts_them(tmp_path, monkeypatch):
    """A power failure cannot be staged; the order of the calls that guard against it can be watched."""
    synced, fsync = [], os.fsync

    def watched(descriptor):
        synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    for more in (("--max-steps", 3), ("--max-steps", 4)):  # a checkpoint in the run and one at its end
        synced.clear()
        assert run(tmp_path, more=("--resume", *more)) == 0
        assert journal.FILE in synced[: synced.index("model.safetensors")]


@pytest.mark.parametrize("part, name", [(".", JOURNAL), ("checkpoints", "the checkpoint of step 6")])
def test_a_read_only_folder(whole, tmp_path, capsys, part, name):
    assert run(tmp_path, more=("--max-steps", 3)) == 0
    before = driver.contents(tmp_path / part)
    with read_only(tmp_path / part):
        assert run(tmp_path) == 2
    assert re.search(name, line := told(capsys)) and ("Read-only" in line or "Permission denied" in line)
    assert driver.contents(tmp_path / part) == before
    assert run(tmp_path) == 0
    driver.assert_same(tmp_path, whole)


@pytest.mark.faults
@pytest.mark.parametrize("file", [*checkpoint.FILES, checkpoint.MANIFEST])
def test_a_flipped_byte(whole, tmp_path, capsys, file):
    assert run(tmp_path, more=("--max-steps", 8)) == 0
    rotten = driver.newest(tmp_path).folder
    driver.flip_byte(rotten / file)
    assert run(tmp_path / "other", more=("--init", rotten)) == 2  # named explicitly it has to be whole
    assert f"{rotten} is not whole: {file}" in told(capsys)
    assert run(tmp_path) == 0
    assert f"skipped the torn checkpoint {rotten}: {file}" in capsys.readouterr().err
    driver.assert_same(tmp_path, whole)


def test_when_every_checkpoint_is_torn_the_journal_stays(tmp_path, capsys):
    assert run(tmp_path, more=("--max-steps", 6)) == 0
    for folder in (tmp_path / "checkpoints").iterdir():
        driver.flip_byte(folder / "model.safetensors")
    before = driver.contents(tmp_path)
    assert run(tmp_path) == 2
    assert "none of the 2 checkpoints" in capsys.readouterr().err
    assert driver.contents(tmp_path) == before
