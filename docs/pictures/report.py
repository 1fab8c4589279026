"""The picture of docs/evaluation.md: the top of a report, as a browser without a window shows it.

    python docs/pictures/report.py --page runs/report/report.html --out docs/pictures/report.png

All that is folded is shown. Photos belong to their owners: the page is one on built-in scenes.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

WIDTH, HEIGHT = 1000, 1640


def shot(page: Path, out: Path, browser: str) -> None:
    """A PNG of the page. Fails with what the browser says where it makes none."""
    with tempfile.TemporaryDirectory() as folder:
        opened, taken = Path(folder) / "page.html", Path(folder) / "page.png"
        opened.write_text(page.read_text(encoding="utf-8").replace("<details>", "<details open>"), encoding="utf-8")
        given = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={WIDTH},{HEIGHT}"]
        command = [browser, *given, f"--user-data-dir={folder}/profile", f"--screenshot={taken}", opened.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if not taken.exists():
            raise SystemExit(f"{browser} has made no picture: {done.stderr}")
        Image.open(taken).convert("RGB").quantize(128, Image.Quantize.MAXCOVERAGE).save(out, optimize=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", type=Path, required=True, help="report.html of a suite")
    parser.add_argument("--out", type=Path, required=True, help="the PNG")
    parser.add_argument("--browser", default="chromium", help="Chromium, or a program with its options")
    args = parser.parse_args()
    shot(args.page, args.out, args.browser)


if __name__ == "__main__":
    main()
