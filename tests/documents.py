"""The pages for readers, cut into their blocks, and the commands that a shell makes of a block."""

import os
import re
import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = "python torchrun msrun tandemclip make pip npm tar apt-get".split()
PLACES = (".venv/bin/python", "tools/ascend_report.sh")  # programs that are called by a path
# Called in place of each program: writes what it was called and given, and does nothing.
STUB = """#!/bin/sh
printf '%s\\0' "{name}" "$@" >> "$SAID"
printf '\\n\\0' >> "$SAID"
"""


@dataclass(frozen=True)
class Block:
    """page: "docs/scale.md". line: of its first line. kind: "sh", "python", "yaml", "" (what is printed) ..."""

    page: str
    line: int
    kind: str
    text: str

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"


def pages(root) -> list[Path]:
    top = ("README", "CONTRIBUTING", "CHANGELOG", "SECURITY")
    return [*(root / f"{name}.md" for name in top), *sorted((root / "docs").glob("*.md"))]


def blocks(root) -> list[Block]:
    return [block for path in pages(root) for block in cut(str(path.relative_to(root)), path.read_text())]


def cut(page: str, text: str) -> list[Block]:
    """Fenced and indented blocks, in the order of the page. What begins with a program is for a shell."""
    found = []
    for fenced in re.finditer(r"^( *)```(\w*)\n(.*?)^\1```$", text, re.S | re.M):
        found.append((fenced.start(3), fenced[2], textwrap.dedent(fenced[3])))
    # of equal length, so that places stay
    outside = re.sub(r"^( *)```.*?^\1```$", lambda fenced: re.sub(r"[^\n]", "x", fenced[0]), text, flags=re.S | re.M)
    for indented in re.finditer(r"(?<=\n\n)(?:    .*\n)+(?=\n|\Z)", outside):
        found.append((indented.start(), "", textwrap.dedent(indented[0])))
    calls = re.compile(rf"(\w+=\S* )*({'|'.join(map(re.escape, (*PROGRAMS, *PLACES)))}) ")
    kind = lambda kind, body: "sh" if not kind and calls.match(body) else kind
    return [Block(page, text.count("\n", 0, at) + 1, kind(named, body), body) for at, named, body in sorted(found)]


def inline(root) -> list[Block]:
    """Commands within a sentence: `python tools/x.py` with what it is given, `make ...`."""
    found = []
    for path in pages(root):
        text = re.sub(r"```.*?```", lambda fenced: re.sub(r"[^\n]", "x", fenced[0]), path.read_text(), flags=re.S)
        for code in re.finditer(r"`(python tools/\w+\.py [^`\n]+|make [^`\n]+)`", text):
            line = text.count("\n", 0, code.start()) + 1
            found.append(Block(str(path.relative_to(root)), line, "sh", code[1]))
    return found


def commands(text: str, folder: Path) -> list[list[str]]:
    """What a shell would call: the program and its arguments, one list for each call, loops and variables resolved.

    The shell is a real one. Only the programs are others: they write down what they were given. folder: of its own.
    """
    programs, said = folder / "programs", folder / "said"
    (folder / "docs").mkdir(exist_ok=True)  # for what is printed into it
    for path in [*(programs / name for name in PROGRAMS), *(folder / place for place in PLACES)]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(STUB.format(name=path.relative_to(programs) if programs in path.parents else path.name))
        path.chmod(0o755)
    said.write_text("")
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "SAID": str(said)}
    done = subprocess.run(["bash", "-euc", text], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, f"{text}\n{done.stderr}"
    calls = said.read_text().split("\n\0")[:-1]
    return [call.split("\0")[:-1] for call in calls]


def shape(line: str) -> str:
    """A line that was printed, without its numbers and the width of its columns."""
    return re.sub(r"\s+", " ", re.sub(r"[\d.,:]+", "#", line)).strip()


def never_printed(shown: str, printed: str) -> list[str]:
    """The lines of a block that shows an output, of which `printed` has none of that shape. "..." stands for any."""
    there = {shape(line) for line in printed.splitlines()}
    return [line for line in shown.splitlines() if line != "..." and shape(line) not in there]
