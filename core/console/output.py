"""Standard output and error of a program whose reader may end before it does: `| head`, a pager, a lost session."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

GONE = (errno.EPIPE, errno.EIO)  # a closed pipe, a terminal that was hung up


class ReaderGone(BaseException):
    """Nobody reads the output any more. Like KeyboardInterrupt, no `except Exception` is meant to take it."""


class _Outlasting(io.FileIO):
    """Writes to a descriptor, and to nowhere once nobody reads it."""

    def __init__(self, descriptor: int, ends: bool):
        super().__init__(descriptor, "wb", closefd=False)
        self._ends = ends

    def write(self, data) -> int | None:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in GONE:
                raise
        # The descriptor itself: what others write to it, engines and workers, goes nowhere too.
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), self.fileno())
        if self._ends:
            raise ReaderGone
        return len(data)


@contextmanager
def outlasting(goes_on: bool) -> Iterator[None]:
    """Within, `sys.stdout` and `sys.stderr` take all that is written, whether or not somebody reads it.

    goes_on: False raises ReaderGone at the first write to stdout that nobody reads. Letters that a terminal cannot take
    are escaped. A stream that was closed before the program began (`>&-`, a daemon), for which Python has None, takes
    all to nowhere.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _over(sys.stdout, not goes_on), _over(sys.stderr, False)
    try:
        yield
    finally:
        try:
            sys.stderr.flush()
            sys.stdout.flush()
        finally:
            sys.stdout, sys.stderr = before


def _over(stream, ends: bool):
    """The same stream over an outlasting file. What is no file (a test's capture) stays."""
    if stream is None:
        # It takes the free descriptor. Else the next file would have that, and a library would print into it.
        return open(os.devnull, "w", encoding="utf-8", errors="backslashreplace")
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.reconfigure(errors="backslashreplace")
    try:
        descriptor = stream.fileno()
    except io.UnsupportedOperation:
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Outlasting(descriptor, ends)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
