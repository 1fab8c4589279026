"""docs/concepts.md: its commands run and print what is shown, and its tables are theirs."""

import json
import os
import re
import subprocess
import sys

import pytest

from tandemclip.core.concepts.report import markdown


@pytest.fixture(scope="module")
def place(root, shared, tmp_path_factory):
    """Where a reader stands: a checkout beside the shared data, with a run that has just begun."""
    folder = tmp_path_factory.mktemp("docs") / "checkout"
    folder.mkdir()
    for name in ("configs", "tools"):
        (folder / name).symlink_to(root / name)
    (folder.parent / "shared").symlink_to(shared)
    given = ["--config", "configs/pretrain/scenes_clip.yaml", "--out", "runs/first", "--max-steps", "1"]
    run(folder, f"{sys.executable} tools/train.py {' '.join(given)} --set data.workers=0 data.evaluate.count=32")
    return folder


@pytest.fixture(scope="module")
def blocks(root):
    return re.findall(r"```(\w*)\n(.*?)```", (root / "docs" / "concepts.md").read_text(), re.S)


def run(folder, block):
    environment = os.environ | {"PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-ec", block], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_it_prints_what_is_shown_and_its_concepts_are_asked_for(place, blocks):
    pytest.importorskip("textblob")
    assert [kind for kind, _ in blocks] == ["sh", "", "sh", "sh"]
    printed = run(place, blocks[0][1]).splitlines()
    version = re.compile(r"textblob [\d.]+")
    plain = lambda lines: [version.sub("textblob", line) for line in lines]
    assert not set(plain(blocks[1][1].splitlines())) - set(plain(printed))
    assert len((place / "runs" / "concepts" / "scenes.tsv").read_text().splitlines()) == 40
    fewer = blocks[3][1].replace("count=2000", "count=40")
    assert "the nearest of 40 concepts, with the nearest of 40 pictures" in run(place, fewer)
    assert (place / "nearest.png").is_file()


def test_the_tables_of_several_data_sets_are_those_of_the_document(place, blocks, root):
    pytest.importorskip("textblob")
    run(place, blocks[2][1])
    found = json.loads((place / "runs" / "flickr8k" / "concepts.json").read_text())
    shown = cells((root / "docs" / "concepts.md").read_text())
    rows = cells(markdown(found))
    assert len(rows) == 10 and not [row for row in rows if row not in shown]


def cells(text):
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    return [line for line in lines if line and not set(line[-1]) <= {"-"} and line[0] not in ("data", "classes", "")]
