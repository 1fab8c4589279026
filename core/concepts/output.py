"""The files of a concept analysis."""

import json
from collections.abc import Sequence
from pathlib import Path

from tandemclip.core.concepts.long_tail import long_tail
from tandemclip.core.concepts.pool import Pool
from tandemclip.core.concepts.report import markdown
from tandemclip.core.data.texts import utf8
from tandemclip.core.errors import UserError
from tandemclip.core.pictures.page import save
from tandemclip.core.whole_file import whole_file

REPORT, TABLES, PICTURE = "concepts.json", "concepts.md", "long_tail.png"


def write(out: Path, report: dict, pools: Sequence[Pool]) -> None:
    """Replaces what an earlier call wrote."""
    contents = {
        REPORT: (json.dumps(report, indent=2, ensure_ascii=False) + "\n").encode(),
        TABLES: markdown(report).encode(),
        **{f"{pool.name}.tsv": _lines(pool) for pool in pools},
    }
    for name, content in contents.items():
        with whole_file(out / name) as file:
            file.write(content)
    save(long_tail(pools), out / PICTURE)


def _lines(pool: Pool) -> bytes:
    return "".join(f"{name}\t{count}\n" for name, count in pool.concepts.items()).encode()


def read_concepts(path: Path) -> list[str]:
    """The concepts of a NAME.tsv, or of any text file with one a line: what stands before a tab."""
    try:
        lines = utf8(path.read_bytes()).splitlines()
    except OSError as error:
        raise UserError(f"the concepts {path} cannot be read ({error.strerror}); correct the path") from error
    except ValueError as error:
        raise UserError(f"the concepts {path}: {error}") from error
    names = [line.partition("\t")[0].strip() for line in lines]
    found = list(dict.fromkeys(filter(None, names)))
    if not found:
        raise UserError(f"{path} names no concept; give a text file with one a line")
    return found
