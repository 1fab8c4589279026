"""The three files of a report."""

import json
from pathlib import Path

from tandemclip.core.evaluation.suites.report import markdown, page
from tandemclip.core.evaluation.suites.report.summary import Summary
from tandemclip.core.whole_file import whole_file


def write(summary: Summary, out: Path) -> list[Path]:
    """OUT/report.md, report.json and report.html, each whole."""
    contents = {
        "report.md": markdown.page(summary).encode(),
        "report.json": json.dumps(summary.to_json(), indent=1).encode() + b"\n",
        "report.html": page.page(summary),
    }
    for name, content in contents.items():
        with whole_file(out / name) as file:
            file.write(content)
    return [out / name for name in contents]
