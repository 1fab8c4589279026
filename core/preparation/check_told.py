"""What `tools/prepare.py check` writes and prints of its report."""

import json
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tandemclip.core.data.account import Account, lines_of, printable
from tandemclip.core.data.loading import bad_records
from tandemclip.core.preparation import check_report

NAMED = 10  # broken records that are printed; the list has all
LIST = "bad_records.txt"


def tell(report: dict, out: Path) -> None:
    """Writes OUT/check.json and OUT/bad_records.txt, and prints the report for people, last what to do.

    report: as `check_report.check` gives it.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "check.json").write_text(json.dumps(report, indent=2) + "\n")
    bad = [(entry["number"], entry["key"], entry["why"]) for entry in report["bad"]]
    bad_records.write(out / LIST, report["records"], bad)
    print(*lines_of(map(Account.from_json, report["accounts"])), sep="\n")
    table = Table.grid(padding=(0, 2))
    for row in check_report.rows(report):
        table.add_row(*map(escape, row))
    Console(highlight=False).print(table)
    for _, key, why in bad[:NAMED]:
        print(printable(f"{key}: {why}"))
    if bad[NAMED:]:
        print(f"and {len(bad) - NAMED} more, see {out / LIST}")
    print(check_report.advice(report, out / LIST))
