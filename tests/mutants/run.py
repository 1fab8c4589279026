"""Would the tests notice? Small edits of the code, one at a time, on a copy; the tests that mirror the file run on it.

    python tests/mutants/run.py --minutes 20

Results lie in .mutants/SEED.jsonl, and the next call goes on. cosmic-ray draws what is edited (`draw.py`). An edit that
changes nothing is named in equivalent.yaml, with the reason, and does not count.
"""

import argparse
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import yaml
from draw import Mutant, mutants
from mirror import stages

ROOT = Path(__file__).resolve().parents[2]
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", ".mutants", "runs", "__pycache__", ".*_cache", "build", "*.egg-info"
)
# Of a processor, for some tests of an edit, and of the clock, for what waits: what takes longer hangs, and is noticed.
SECONDS, WAITING = 150, 900
OPTIONS = ("-x", "-q", "--no-header", "--tb=no", "-p", "no:cacheprovider", "-m", "not slow and not faults")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=20.0, help="no edit is begun later (default: 20)")
    parser.add_argument("--within", default="", metavar="FOLDER", help="only files of this folder, e.g. core/layers")
    parser.add_argument("--again", action="store_true", help="survivors first, where tests were added since")
    args = parser.parse_args()
    store = ROOT / ".mutants" / f"{args.seed}.jsonl"
    store.parent.mkdir(exist_ok=True)
    rows = {_key(row): row for row in map(json.loads, store.read_text().splitlines())} if store.exists() else {}
    until = time.monotonic() + 60 * args.minutes
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder) / "tandemclip")
        survivors = [row for row in rows.values() if not row["noticed"]] if args.again else []
        for mutant in chain(_again(bench.place, survivors), mutants(bench.place, args.seed, args.within)):
            if time.monotonic() > until:
                break
            if mutant.key in rows and rows[mutant.key] not in survivors:
                continue
            rows[mutant.key] = row = bench.tried(mutant)
            print(_line(row), flush=True)
            _save(store, rows)
        for test in (unsound := bench.failing_anyway()):
            print(f"{test} fails without an edit: what it noticed is forgotten")
    rows = {key: row for key, row in rows.items() if row["by"] not in unsound}
    _save(store, rows)
    print(report(rows.values()))
    return 0


def _again(root: Path, survivors: list[dict]) -> Iterator[Mutant]:
    """The same edits, where their line stands once in the file as it is now."""
    for row in survivors:
        source = (root / row["file"]).read_text(encoding="utf-8")
        if source.count(row["was"]) == 1:
            yield Mutant(row["file"], source.replace(row["was"], row["becomes"]), row["was"], row["becomes"])
        else:
            print(f"{row['file']} has no more, or several times: {row['was']}")


class Bench:
    """A copy of the checkout, in which one file at a time is edited. Its folder is called as the package is."""

    def __init__(self, place: Path):
        self.place, self._noticed_by, self._times = place, set(), {}
        shutil.copytree(ROOT, place, ignore=NOT_COPIED)
        if (ROOT.parent / "shared").is_dir():
            os.environ.setdefault("TANDEMCLIP_SHARED", str(ROOT.parent / "shared"))

    def tried(self, mutant: Mutant) -> dict:
        start, found = time.monotonic(), {"noticed": False, "by": "", "stage": ""}
        path = self.place / mutant.file
        sound = path.read_text(encoding="utf-8")
        for stage, tests in stages(self.place, mutant.file).items():
            path.write_text(mutant.code, encoding="utf-8")
            by = self._failing(tests)
            path.write_text(sound, encoding="utf-8")
            if by and not (by == "time" and self._slow(tuple(tests))):
                self._noticed_by.add(by)
                found = {"noticed": True, "by": by, "stage": stage}
                break
        seconds = round(time.monotonic() - start, 1)
        return {"file": mutant.file, "was": mutant.was, "becomes": mutant.becomes, **found, "seconds": seconds}

    def _slow(self, tests: tuple[str, ...]) -> bool:
        """Whether these tests take too long without an edit, so that they cannot notice one in time."""
        if tests not in self._times:
            self._times[tests] = self._failing(list(tests)) == "time"
        return self._times[tests]

    def failing_anyway(self) -> set[str]:
        """Of the tests that noticed something, those that fail without an edit too, all in one process."""
        tests = sorted(test for test in self._noticed_by if "::" in test)
        unsound: set[str] = set()
        while rest := [test for test in tests if test not in unsound]:
            failing = self._failing(rest)
            if not failing:
                break
            unsound |= {failing} if failing in rest else set(rest)
        return unsound

    def _failing(self, tests: list[str]) -> str:
        """The first test (or file, if it cannot be read) that fails, "time" if none ends in time, "" if all pass."""
        environment = os.environ | {
            "PYTHONPATH": str(self.place.parent),
            "PYTHONDONTWRITEBYTECODE": "1",  # an edit of equal length in the same second would be taken for no edit
        }
        command = [sys.executable, "-m", "pytest", *OPTIONS, *tests]
        limit = lambda: resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 5))
        pytest = subprocess.Popen(
            command, cwd=self.place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True, preexec_fn=limit,
        )  # fmt: skip
        try:
            said, _ = pytest.communicate(timeout=WAITING)
        except subprocess.TimeoutExpired:
            os.killpg(pytest.pid, signal.SIGKILL)
            pytest.communicate()
            return "time"
        if pytest.returncode == -signal.SIGXCPU:
            return "time"
        if pytest.returncode in (0, 5):  # 5: pytest's for no test of that name
            return ""
        if pytest.returncode in (3, 4):
            raise RuntimeError(f"pytest itself fails on {' '.join(tests)}: {said}")
        found = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", said, re.M)
        return found[1] if found else tests[0]


# ------------------------------------------------------------------ what is told
def report(rows) -> str:
    """The share that was noticed, by which tests, and every survivor."""
    known = {
        _key(entry): entry["why"] for entry in yaml.safe_load((Path(__file__).parent / "equivalent.yaml").read_text())
    }
    counted = [row for row in rows if _key(row) not in known]
    noticed, survivors = ([row for row in counted if row["noticed"] == yes] for yes in (True, False))
    stages = ", ".join(f"{count} by {stage}" for stage, count in Counter(row["stage"] for row in noticed).most_common())
    lines = [_line(row) for row in survivors]
    share = f"{len(noticed)} of {len(counted)} noticed ({100 * len(noticed) / max(1, len(counted)):.1f}%): {stages}"
    return "\n".join([*lines, share, f"{len(rows) - len(counted)} more change nothing (equivalent.yaml)"])


def _line(row: dict) -> str:
    said = f"{row['stage']}: {row['by']}" if row["noticed"] else "SURVIVES"
    return f"{row['file']}\n    - {row['was']}\n    + {row['becomes']}\n    {said} ({row['seconds']} s)"


def _save(store: Path, rows: dict) -> None:
    store.write_text("".join(json.dumps(row) + "\n" for row in rows.values()))


def _key(row: dict) -> tuple[str, str, str]:
    return row["file"], row["was"], row["becomes"]


if __name__ == "__main__":
    sys.exit(main())
