"""The recipes of docs/, followed to the letter: every command runs, and prints what the document shows it to print."""

import csv
import io
import json
import os
import re
import subprocess
import sys
import tarfile

import cv2
import numpy as np
import yaml

from tandemclip.core.config import yaml_text

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


def make_classes(folder):
    """What docs/labels.md says that its reader has: two classes of birds, three of flowers, and pictures with
    captions.
    """
    picture = lambda: cv2.imencode(".png", rng.integers(0, 256, (40, 36, 3), np.uint8))[1].tobytes()
    rng = np.random.default_rng(0)
    for name, count in {"robin": 9, "snowy owl": 7}.items():
        (folder / "birds" / name).mkdir(parents=True)
        for i in range(count):
            (folder / "birds" / name / f"{i}.png").write_bytes(picture())
    (folder / "flowers").mkdir()
    (folder / "flowers" / "classes.json").write_text('["rose", "tulip", "poppy"]')
    with tarfile.open(folder / "flowers" / "0.tar", "w") as tar:
        for i in range(16):
            for kind, content in {"png": picture(), "cls": str(i % 3).encode()}.items():
                member = tarfile.TarInfo(f"{i:03d}.{kind}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    (folder / "photos").mkdir()
    with open(folder / "captions.csv", "w") as file:
        file.write("path,caption\n")
        for i in range(10):
            (folder / "photos" / f"{i}.png").write_bytes(picture())
            file.write(f"photos/{i}.png,somebody's garden number {i // 2}\n")


def test_labels(root, tmp_path):
    blocks = re.findall(r"```(\w+)\n(.*?)```", (root / "docs" / "labels.md").read_text(), re.S)
    assert [kind for kind, _ in blocks] == ["yaml", "sh", "yaml"]
    make_classes(tmp_path)
    (tmp_path / "unicl.yaml").write_text(blocks[0][1])
    (tmp_path / "tools").symlink_to(root / "tools")
    environment = os.environ | {"PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}
    train = lambda: subprocess.run(
        ["bash", "-ec", blocks[1][1]], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    done = train()
    assert done.returncode == 0, done.stdout + done.stderr
    steps = [
        json.loads(line)["step"] for line in (tmp_path / "runs" / "unicl" / "journal.jsonl").read_text().splitlines()
    ]
    assert steps == [1, 2, 3, 4, 5, 6, 7, 8]  # 2 epochs of 2 x 32 draws, 16 a step
    assert "top1" in done.stdout

    (tmp_path / "birds_test").symlink_to(tmp_path / "birds")
    evaluated = yaml_text.parse(blocks[0][1])
    evaluated["data"] |= yaml_text.parse(blocks[2][1])
    (tmp_path / "evaluated.yaml").write_text(yaml.safe_dump(evaluated))
    given = [
        "--config",
        tmp_path / "evaluated.yaml",
        "--out",
        tmp_path / "runs" / "evaluated",
        "--set",
        "training.epochs=1",
    ]
    done = subprocess.run(
        [sys.executable, root / "tools" / "train.py", *given],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    metrics = json.loads((tmp_path / "runs" / "evaluated" / "metrics.json").read_text())
    assert {*metrics} == {"step", "own/top1", "own/mean_per_class", "birds/linear_probe"}

    (tmp_path / "flowers" / "classes.json").write_text('["rose", "tulip"]')
    (tmp_path / "runs").rename(tmp_path / "before")
    done = train()
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert (
        "flowers/0.tar:002 has class 2, and flowers/classes.json names 2; give the list of all classes" in done.stderr
    )
