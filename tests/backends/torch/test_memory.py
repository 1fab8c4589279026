"""What torch frees stays with a process that trains, as a step takes it again at once."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
import torch
from pathlib import Path
from tandemclip.backends.torch.engine import Engine

def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

if sys.argv[1] == "joined":
    Engine.join()
before = held()
block = torch.ones(2**26)
del block
print(held() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator, and /proc")
@pytest.mark.parametrize("who", ["joined", "by itself"])
def test_freed_memory_is_kept(who):
    kept = int(subprocess.run([sys.executable, "-c", PROGRAM, who], capture_output=True, text=True, check=True).stdout)
    assert (kept > 200e6) == (who == "joined")  # of 268 MB
