"""One process at a time in a folder, as two would write the same files."""

import fcntl
import os
from pathlib import Path

from tandemclip.core.errors import UserError


class FolderLock:
    """A lock on a folder that is there, until `close` or the end of the process, however it ends. A file system
    without locks gives none.

    taken: how the UserError of a second process begins, in front of the folder: "another process trains in".
    """

    def __init__(self, folder: Path, taken: str):
        self._descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise UserError(f"{taken} {folder}; wait until it ends, or choose another --out") from error
        except OSError:
            pass

    def close(self) -> None:
        os.close(self._descriptor)
