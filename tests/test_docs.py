"""The recipes of docs/, followed to the letter: every command runs, and prints what the document shows it to print."""

import csv
import json
import os
import re
import subprocess
import sys
import tarfile

# Fewer photos and steps than the document has.
SMALLER = {"--per-shard 40": "--per-shard 4", "--minutes 2": "--minutes 0.01 --set training.batch_size=8"}


def make_photos(shard, folder, count):
    """photos/ and captions.csv, which the reader has."""
    (folder / "photos").mkdir()
    with tarfile.open(shard) as tar, open(folder / "captions.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "caption"])
        for name in sorted(name for name in tar.getnames() if name.endswith(".jpg"))[:count]:
            (folder / "photos" / name).write_bytes(tar.extractfile(name).read())
            captions = json.load(tar.extractfile(name.replace(".jpg", ".json")))["captions"]
            table.writerows([f"photos/{name}", caption] for caption in captions)


def shape(line):
    """A line without its numbers and the width of its columns."""
    return re.sub(r"\s+", " ", re.sub(r"[\d.,:]+", "#", line)).strip()


def test_your_own_photos(root, shared, tmp_path):
    make_photos(next((shared / "data" / "flickr8k_entities" / "dev").glob("*.tar")), tmp_path, 20)
    for name in ("configs", "tools"):
        (tmp_path / name).symlink_to(root / name)
    blocks = re.findall(r"```(\w*)\n(.*?)```", (root / "docs" / "your_own_photos.md").read_text(), re.S)
    assert [kind for kind, _ in blocks[:1]] == ["csv"]  # what the table looks like
    assert blocks[0][1].splitlines()[:2] == (tmp_path / "captions.csv").read_text().splitlines()[:2]
    assert [kind for kind, _ in blocks[1:]] == ["sh", ""] * 4 + ["python", ""]
    environment = os.environ | {"PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}
    for (kind, block), (_, shown) in zip(blocks[1::2], blocks[2::2]):
        for words, fewer in SMALLER.items():
            block = block.replace(words, fewer)
        command = ["bash", "-ec", block] if kind == "sh" else [sys.executable, "-c", block]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        printed = {shape(line) for line in done.stdout.splitlines()}
        assert not [line for line in shown.splitlines() if line != "..." and shape(line) not in printed], done.stdout
