"""tools/prepare.py that is killed (SIGKILL) when a shard is written and has no name yet, after `shards` others.

python dying_prepare.py 1 objects --in 'in/*.tar' --out out ...
"""

import os
import signal
import subprocess
import sys

from tandemclip.tools import prepare


def killed(root, shards, arguments):
    """Run it, and assert that it was killed."""
    program = [sys.executable, __file__, str(shards), *arguments]
    process = subprocess.run(program, cwd=root, capture_output=True, text=True)
    assert process.returncode == -signal.SIGKILL, process.stderr


def _die_after(shards):
    rename = os.replace

    def replace(part, path):
        nonlocal shards
        if str(path).endswith(".tar"):
            if not shards:
                os.kill(os.getpid(), signal.SIGKILL)
            shards -= 1
        rename(part, path)

    os.replace = replace


if __name__ == "__main__":
    _die_after(int(sys.argv[1]))
    prepare.main(sys.argv[2:])
