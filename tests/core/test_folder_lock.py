"""A folder has one process at a time, and is free again whatever ends that one."""

import signal
import subprocess
import sys
from contextlib import closing

import pytest

from tandemclip.core.errors import UserError
from tandemclip.core.folder_lock import FolderLock

HOLDING = "import sys\nfrom pathlib import Path\nfrom tandemclip.core.folder_lock import FolderLock\n"


def test_a_second_one_is_refused_until_the_first_ends(tmp_path):
    code = (
        f"{HOLDING}lock = FolderLock(Path({str(tmp_path)!r}), 'another works in')\nprint('held', flush=True)\ninput()"
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=f"another process measures in {tmp_path}; wait until it ends, or choose"):
            FolderLock(tmp_path, "another process measures in")
    finally:
        other.send_signal(signal.SIGKILL)
        other.communicate()
    with closing(FolderLock(tmp_path, "another process measures in")):
        pass
    with closing(FolderLock(tmp_path, "another process measures in")):
        assert not list(tmp_path.iterdir())  # it leaves nothing
