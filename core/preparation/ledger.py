"""What is done of a long job, so that it goes on where it stood: one JSON line a finished piece, under one for the
job.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from tandemclip.core.errors import UserError
from tandemclip.core.whole_file import whole_file


class Ledger:
    """`done`: the finished pieces, in the order they were added. A line that a kill has torn is taken off.

    path: the file, made where there is none. job: what decides the pieces (the source, settings), as JSON has it.
    Raises UserError where the file belongs to another job.
    """

    def __init__(self, path: Path, job: dict):
        self.path, self.job = Path(path), json.loads(json.dumps(job))  # as it will be read: tuples are lists
        if not self.path.exists():
            with whole_file(self.path) as file:
                file.write(_line(self.job))
        text = self.path.read_bytes()
        lines = text[: text.rfind(b"\n") + 1].splitlines()
        header, *self.done = (json.loads(line) for line in lines)
        self._refuse_other(header)
        os.truncate(self.path, text.rfind(b"\n") + 1)

    def add(self, piece: dict) -> None:
        """`piece` is done: when this returns, it is on the disk. UserError where the disk refuses."""
        try:
            with open(self.path, "ab") as file:
                file.write(_line(piece))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise UserError(
                f"{self.path} cannot be written ({error.strerror}); free some space and start again"
            ) from error
        self.done.append(piece)

    def _refuse_other(self, header: dict) -> None:
        for key in {**self.job, **header}:
            if self.job.get(key) != header.get(key):
                raise UserError(
                    f"{self.path.parent} holds what was made with {key} {json.dumps(header.get(key))}, and this is "
                    f"{json.dumps(self.job.get(key))}; repeat the command as it was given to go on, or choose another "
                    "--out"
                )


def ledger_of_shards(out: Path, name: str, job: dict) -> Ledger:
    """That of a folder that shards are written to. UserError too where `out` holds shards without it."""
    if not (out / name).exists() and any(out.glob("*.tar")):
        raise UserError(f"--out {out} holds shards that were not made by this command; choose another folder")
    return Ledger(out / name, job)


def _line(content: dict) -> bytes:
    return json.dumps(content).encode() + b"\n"  # ASCII: file names need not be Unicode
