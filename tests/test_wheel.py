"""What a wheel of this checkout holds, and that the commands of README.md run from it in an empty folder."""

import configparser
import os
import shutil
import subprocess
import sys
import zipfile

import pytest

import tandemclip
from tandemclip.tests import documents

# A smaller configuration and fewer steps than README.md has.
SMALLER = {"scenes_clip": "tiny_clip_vit", "runs/mine": "runs/mine --set training.steps=2 data.workers=0"}

RUNS = ("core", "backends", "downstream", "tools", "configs")


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    """Made of a copy: setuptools writes beside what it packs."""
    folder = tmp_path_factory.mktemp("wheel")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("this is no git checkout, so that the project's own files are not known")
    for name in filter(None, listing.stdout.split("\0")):
        if (root / name).is_file():
            (folder / "tandemclip" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, folder / "tandemclip" / name)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder]
    done = subprocess.run([*command, folder / "tandemclip"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """As pip lays it out: the folder of the packages."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder)
    return folder


def test_it_holds_all_that_runs_and_no_test(root, installed):
    """Of what git knows, and scripts of a shell aside, whatever kind of file it is."""
    listing = subprocess.run(["git", "ls-files", "-z", *RUNS], cwd=root, capture_output=True, text=True).stdout
    wanted = {
        name for name in filter(None, listing.split("\0")) if (root / name).is_file() and not name.endswith(".sh")
    }
    package = installed / "tandemclip"
    there = {path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()}
    assert not wanted - there and len(wanted) > 400
    assert {name.partition("/")[0] for name in there} == {*RUNS, "__init__.py"}


def test_its_version_and_commands(root, installed):
    assert (installed / f"tandemclip-{tandemclip.__version__}.dist-info").is_dir()
    scripts = configparser.ConfigParser()
    scripts.read(next(installed.glob("*.dist-info")) / "entry_points.txt")
    checkout = configparser.ConfigParser()
    checkout.read(root / "setup.cfg")
    lines = checkout["options.entry_points"]["console_scripts"].strip().splitlines()
    assert dict(scripts["console_scripts"]) == dict(line.split(" = ") for line in lines)
    assert len(lines) > 10


def test_the_readmes_commands_in_an_empty_folder(root, installed, tmp_path):
    """`python -m` finds the wheel's package before the checkout's, and nothing of the checkout is there."""
    (block,) = [block.text for block in documents.blocks(root) if block.text.startswith("tandemclip list configs")]
    for words, fewer in SMALLER.items():
        assert words in block
        block = block.replace(words, fewer)
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "tandemclip"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tandemclip.tools.command "$@"\n')
    command.chmod(0o755)
    environment = os.environ | {"PYTHONPATH": str(installed), "PATH": f"{command.parent}:{os.environ['PATH']}"}

    def run(*words):
        return subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)

    done = run("bash", "-ec", block)
    assert done.returncode == 0, done.stderr
    assert "pretrain/tiny_clip_vit " in done.stdout and "detection/scenes_mask_rcnn " in done.stdout
    assert "\ntorch " in done.stdout and "checkpoint, step 2: runs/mine/" in done.stdout
    done = run("tandemclip", "evaluate", "--checkpoint", "runs/mine")
    assert done.returncode == 0 and "zero_shot/digit" in done.stdout
    done = run("tandemclip", "train", "--config", "tiny_clip_vit", "--out", "runs/b", "--backend", "nothing:Here")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    asked = (
        "from tandemclip.core.console.versions import how_to_install as how; print(how('mindspore'), how('detection'))"
    )
    told = run(sys.executable, "-c", asked)
    assert told.stdout.startswith("pip install mindspore==2.10.0 pip install ") and "mmdet==3.3.0" in told.stdout
