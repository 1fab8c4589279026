"""tools/train.py that is killed (SIGKILL) at the n-th thing, from 0, that it asks of the disk in opening its journal
and its first save.

    python dying_train.py any 17 --config ... --out RUN ...
    python dying_train.py write 3 --config ... --out RUN ...

`any`, or one of KINDS. It dies before the thing is done; a write is two, and may so be cut in its middle. The product
knows nothing of this: what it calls is replaced here.
"""

import builtins
import io
import os
import signal
import sys

from tandemclip.core.training import checkpoint
from tandemclip.core.training.journal import Journal
from tandemclip.tools import train

AUDITED = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir")  # Python tells sys.addaudithook before they happen
KINDS = (*AUDITED, "write", "os.fsync")


class Countdown:
    def __init__(self, kind, left):
        self.kinds, self.left, self.on = KINDS if kind == "any" else (kind,), left, False

    def __call__(self, kind, *_):
        if self.on and kind in self.kinds:
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            self.left -= 1

    def during(self, function, *arguments, **keywords):
        self.on = True
        try:
            return function(*arguments, **keywords)
        finally:
            self.on = False


def main(kind, count, *arguments):
    countdown = Countdown(kind, int(count))
    fsync, plain_open, open_journal = os.fsync, builtins.open, Journal.__init__
    save, keep = checkpoint.save, checkpoint.keep

    class Torn(io.FileIO):
        def write(self, data):
            half, written = len(data) // 2, 0
            for part in (data[:half], data[half:]):
                countdown("write")
                written += super().write(part)
            return written

    def torn_open(file, mode="r", buffering=-1, encoding=None, *more, **keywords):
        if not countdown.on or mode not in ("w", "wb"):
            return plain_open(file, mode, buffering, encoding, *more, **keywords)
        binary = io.BufferedWriter(Torn(file, "w"))
        return binary if mode == "wb" else io.TextIOWrapper(binary, encoding=encoding)

    def counted_fsync(descriptor):
        countdown("os.fsync")
        fsync(descriptor)

    def first_save(*arguments):
        checkpoint.save = save
        return countdown.during(save, *arguments)

    def first_keep(*arguments):  # of older ones, which is the end of a save
        checkpoint.keep = keep
        return countdown.during(keep, *arguments)

    sys.addaudithook(countdown)
    builtins.open, os.fsync, checkpoint.save, checkpoint.keep = torn_open, counted_fsync, first_save, first_keep
    Journal.__init__ = lambda *arguments: countdown.during(open_journal, *arguments)
    return train.main(list(arguments))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
