"""The tar files that a path, a folder or a pattern names."""

import glob
import itertools
import os
import re

from tandemclip.core.errors import UserError

ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]+://|pipe:", re.IGNORECASE)
BRACES = re.compile(r"\{(?:(\d+)\.\.(\d+)|([^{}]*,[^{}]*))\}")
PACKED = (".tgz", ".gz", ".bz2", ".xz", ".zst", ".zip", ".7z", ".rar")
MOST = 1_000_000  # names that braces may stand for


def files(pattern: str) -> list[str]:
    """What a path, a folder of .tar files, a glob pattern or one with braces ({00..17}, {a,b}) names: sorted, except
    that braces give their own order; several of them with "::" between, as open_clip writes it, one after the other. A
    path that is there is itself, whatever signs it has.

    UserError where nothing is named, and for what is on no disk.
    """
    if not pattern:
        raise UserError("shards: a name in paths is empty; give the tar files, their folder or a pattern")
    if ELSEWHERE.match(pattern):
        raise UserError(
            f"shards: {pattern} is on no disk, and shards are read at random places; fetch the files, and give their "
            "folder"
        )
    patterns = [pattern] if os.path.exists(os.path.expanduser(pattern)) else pattern.split("::")
    if len(patterns) > 1:
        return [path for each in patterns for path in files(each)]
    pattern = os.path.expanduser(pattern)
    return [path for each in _expanded(pattern) for path in _named(each)]


def packed_beside(pattern: str) -> list[str]:
    """Archives of other kinds in a folder of shards, which are not read."""
    folder = os.path.expanduser(pattern)
    return sorted(name for name in os.listdir(folder) if name.lower().endswith(PACKED)) if os.path.isdir(folder) else []


def _named(pattern: str) -> list[str]:
    if os.path.isdir(pattern):
        names = sorted(name for name in os.listdir(pattern) if name.lower().endswith(".tar") and name[0] != ".")
        found = [os.path.join(pattern, name) for name in names]
        if not found:
            raise UserError(
                f"shards: the folder {pattern} has no .tar files of its own; give a pattern, such as '**/*.tar'"
            )
        return found
    if os.path.exists(pattern) or not glob.has_magic(pattern):
        return [pattern]
    found = sorted(glob.glob(pattern, recursive=True))
    if not found:
        raise UserError(f"shards: no file matches {pattern}; give the tar files or a pattern such as 'train/*.tar'")
    return found


def _expanded(pattern: str) -> list[str]:
    """Shards are often named so: data/{00000..00317}.tar"""
    if os.path.exists(pattern):
        return [pattern]
    parts, start = [], 0
    for match in BRACES.finditer(pattern):
        parts += [[pattern[start : match.start()]], _choices(match, pattern)]
        start = match.end()
    parts.append([pattern[start:]])
    return ["".join(chosen) for chosen in itertools.product(*parts)]


def _choices(match: re.Match, pattern: str) -> list[str]:
    first, last, listed = match.groups()
    if listed is not None:
        return listed.split(",")
    if not 0 <= int(last) - int(first) < MOST:
        raise UserError(f"shards: {match[0]} in {pattern} counts down or too far; write it like {{000..317}}")
    width = max(len(first), len(last)) if first[0] == "0" or last[0] == "0" else 0
    return [f"{number:0{width}d}" for number in range(int(first), int(last) + 1)]
