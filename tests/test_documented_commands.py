"""Every command of README, CONTRIBUTING and docs/: it runs as it stands there, or there is a reason why it does not.

A block of a page for a shell or for Python is in one of three tables.

- WALKS: it runs here. A reader goes through the blocks of a walk one after another, in a folder of his own.
- ELSEWHERE: a test that is named runs it.
- NOT_RUN: it does not, for the reason that is given.

In all three each command line is read by the tool's own parser, and the configs that it names are there. A new block
belongs to WALKS if a few seconds show that it works.
"""

import contextlib
import io
import re
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tandemclip.core.errors import UserError
from tandemclip.tests import command_lines, documents

NO_WORKERS = "data.workers=0"
PREPARED = "python tools/prepare.py detection --out"
PICTURES = f"{PREPARED} data/scenes_detection \\\n    --split train scenes size=128 count=3000 seed=1 "
FEW = {"count=3000": "count=6", "count=500": "count=4"}  # scenes


@dataclass(frozen=True)
class Walk:
    """blocks: what each begins with. shorter: words of them that are replaced, so that it takes seconds; each occurs.

    shared: folders of the shared data that lie in the reader's folder, under the same names.
    """

    page: str
    blocks: tuple[str, ...]
    shorter: dict[str, str] = field(default_factory=dict)
    shared: tuple[str, ...] = ()


WALKS = {
    "the example": Walk(
        "README.md",
        ("make setup", ".venv/bin/python tools/evaluate.py", "import tandemclip"),
        {
            "--minutes 3": f"--minutes 0.01 --set training.batch_size=8 data.evaluate.count=40 {NO_WORKERS}",
            'backend="mindspore"': 'backend="torch"',  # MindSpore has just evaluated it
        },
    ),
    "fine-tuning": Walk(
        "README.md",
        (".venv/bin/python tools/train.py --config configs/pretrain/tiny_unicl_resnet",),
        {
            f"runs/{name}\n": f"runs/{name} --max-steps 2\n"
            for name in ("tiny_unicl_resnet", "tiny_scenes")
        },
    ),
    "the life of a step": Walk("docs/architecture.md", ("python tools/train.py",)),
    "a detector": Walk(
        "docs/detection.md",
        (f"{PICTURES}--split", "import torch"),
        FEW
        | {
            "--out runs/scenes_clip": "--out runs/scenes_clip "
            f"--set training.steps=2 training.batch_size=8 data.evaluate.count=8 {NO_WORKERS}",
            "--out runs/detector\n": "--out runs/detector "
            "--set train_cfg.max_iters=2 train_dataloader.batch_size=2 default_hooks.checkpoint.interval=1\n",
            'Features("runs/clip")': 'Features("runs/scenes_clip")',
        },
    ),
    "pictures with sizes": Walk(
        "docs/detection.md",
        (f"{PICTURES}size_words",),
        FEW,
    ),
    "samples of VOC and COCO": Walk(
        "docs/detection.md",
        (f"{PREPARED} data/voc_s", f"{PREPARED} data/coco_s"),
        shared=("voc_sample", "coco_sample"),
    ),
    "a suite": Walk(
        "docs/evaluation.md",
        ("python tools/train.py", "tandemclip list sets"),
        {
            f"--out runs/{name} --minutes 3": f"--out runs/{name} --max-steps 2 "
            f"--set training.batch_size=8 data.evaluate.count=40 {NO_WORKERS}"
            for name in ("clip", "pyramidclip")
        },
    ),
    "small towers": Walk("docs/lightclip.md", ("python tools/summarize.py",)),
    "pictures": Walk(
        "docs/pictures.md",
        (
            "python tools/train.py --config configs/pretrain/scenes_grad_cam",
            *(f"python tools/look.py {each}" for each in ("grad-cam", "pointing-game", "tsne", "tokens")),
        ),
        {
            f"--out runs/{name}\n": f"--out runs/{name} "
            f"--set training.steps=2 training.batch_size=8 data.evaluate.count=8 {NO_WORKERS}\n"
            for name in ("grad_cam", "filip")
        }
        | {"count=500": "count=20", "count=1000": "count=420", "--count 1000": "--count 40"},
    ),
    "curves": Walk(
        "docs/pictures.md",
        ("python tools/train.py --config configs/pretrain/scenes_clip",),
        {
            f"training.steps={steps} training.evaluate_every={every}": "training.steps=2 training.evaluate_every=1 "
            f"training.batch_size=8 data.evaluate.count=8 {NO_WORKERS}"
            for steps, every in ((800, 100), (400, 50))
        },
    ),
    "the best checkpoint": Walk(
        "docs/reliability.md",
        ("python tools/train.py",),
        {"training.evaluate_every=20": f"training.evaluate_every=1 training.steps=3 {NO_WORKERS}"},
    ),
    "look first": Walk("docs/troubleshooting.md", ("python tools/prepare.py check",)),
}  # fmt: skip

ELSEWHERE = {
    ("README.md", "tandemclip list configs"): "tests/test_wheel.py::test_the_readmes_commands_in_an_empty_folder",
    ("CONTRIBUTING.md", "# my_"): "tests/test_contributing.py::test_every_how_to_runs",
    ("CONTRIBUTING.md", "PYTHONPATH=."): "tests/test_contributing.py::test_every_how_to_runs",
    ("docs/concepts.md", "python tools/concepts.py --source"): (
        "tests/test_docs_concepts.py::test_it_prints_what_is_shown_and_its_concepts_are_asked_for"
    ),
    ("docs/concepts.md", "python tools/look.py"): (
        "tests/test_docs_concepts.py::test_it_prints_what_is_shown_and_its_concepts_are_asked_for"
    ),
    ("docs/concepts.md", "python tools/concepts.py --captions"): (
        "tests/test_docs_concepts.py::test_the_tables_of_several_data_sets_are_those_of_the_document"
    ),
    ("docs/finetuning.md", "python tools/train.py --config configs/"): "tests/test_docs.py::test_finetuning",
    ("docs/detection.md", "_base_ ="): "tests/downstream/detection/test_documented.py::test_configs_of_the_page_build",
    ("docs/labels.md", "python tools/train.py"): "tests/test_docs.py::test_labels",
    ("docs/your_own_photos.md", "python tools/"): "tests/test_docs.py::test_your_own_photos",
    ("docs/your_own_photos.md", "from pathlib"): "tests/test_docs.py::test_your_own_photos",
    # its first line; the second is the same for minutes
    ("docs/lightclip.md", "python tools/train.py --config configs/pretrain/tiny"): (
        "tests/test_docs.py::test_lightclip_trains_as_written"
    ),
}

NOT_RUN = {
    ("README.md", "make train"): "installs, and trains for minutes",
    ("docs/ascend.md", "pip install"): "installs, and takes an hour; tests/tools/test_ascend_report.py runs the script",
    ("docs/ascend.md", "python tools/train.py"): "minutes on MindSpore; it is the README's `make train`",
    ("docs/benchmarks.md", "OMP_NUM_THREADS=1 python tools/bench.py"): "minutes, on Flickr8k",
    ("docs/benchmarks.md", "OMP_NUM_THREADS=1 python tools/evaluate.py"): "minutes, on samples of six data sets",
    ("docs/benchmarks.md", "python tools/bench.py"): "minutes",
    ("docs/detection.md", f"{PREPARED} data/voc07"): "wants VOC2007 and COCO",
    ("docs/detection.md", "python tools/prepare.py shards --source coco_objects"): "wants COCO",
    ("docs/detection.md", 'python -c "'): "a script of MMDetection's, on files of the reader's",
    ("docs/detection.md", f"{PREPARED} data/scenes_objects"): "half an hour",
    ("docs/detection.md", "python tools/detect.py train"): "wants Visual Genome and COCO",
    ("docs/detection.md", "python tools/prepare.py objects --features"): "wants features that others extracted",
    ("docs/lightclip.md", "apt-get"): "installs",
    ("docs/lightclip.md", "npm"): "downloads",
    ("docs/lightclip.md", "python tools/train.py --config configs/pretrain/flickr8k"): "hours, on Flickr8k and YFCC15M",
    ("docs/methods.md", "python tools/compare.py"): "hours, on Flickr8k",
    ("docs/results.md", "python tools/compare.py"): "hours, on Flickr8k and CIFAR-10",
    ("docs/finetuning.md", "python tools/convert.py"): "wants released weights",
    ("docs/methods.md", "python tools/convert.py"): "wants released weights",
    ("docs/finetuning.md", "python tools/train.py --config pyramidclip"): "wants a data set, and hours",
    ("docs/results.md", "python tools/train.py"): "half an hour",
    ("docs/scale.md", "torchrun"): "wants 8 devices; tests/ranks/ starts two processes by both launchers",
}

BLOCKS = documents.blocks(Path(__file__).parents[1])
COMMANDS = [block for block in BLOCKS if block.kind in ("sh", "python")]
KINDS = {"sh", "python", "yaml", "csv", ""}


def begins(block, page, words):
    return block.page == page and block.text.startswith(words)


def walked(walk):
    """Its blocks, in the order in which it names them."""
    return [block for words in walk.blocks for block in COMMANDS if begins(block, walk.page, words)]


def entries():
    """(page, words) of all three tables."""
    return [*((walk.page, words) for walk in WALKS.values() for words in walk.blocks), *ELSEWHERE, *NOT_RUN]


def fate(block):
    """How a block is held, for the id of its test."""
    if block not in COMMANDS:
        return f"{block.where} in a sentence"
    reasons = [why for words, why in NOT_RUN.items() if begins(block, *words)]
    return f"{block.where} {'not run: ' + reasons[0] if reasons else 'runs'}"


def test_every_block_runs_or_has_a_reason():
    """A block that is new on a page fails here until it stands in a table of this file, and so does one that left."""
    named = Counter(block.where for block in COMMANDS for entry in entries() if begins(block, *entry))
    assert not [block.where for block in COMMANDS if named[block.where] != 1]
    assert not [entry for entry in entries() if not any(begins(block, *entry) for block in COMMANDS)]
    assert all(len(walked(walk)) == len(walk.blocks) for walk in WALKS.values())
    assert {block.kind for block in BLOCKS} <= KINDS  # bash, console ... would not be seen
    assert len(COMMANDS) > 50


def test_what_runs_elsewhere_is_a_test_that_reads_the_page(root):
    for (page, _), test in ELSEWHERE.items():
        path, _, name = test.partition("::")
        text = (root / path).read_text()
        assert f"def {name}(" in text and Path(page).name in text, test


@pytest.fixture
def reader(root, tmp_path, monkeypatch):
    """A folder of a reader who has a checkout and what the pages tell to write."""
    folder = tmp_path / "reader"
    folder.mkdir()
    for name in ("configs", "tools", "Makefile"):
        (folder / name).symlink_to(root / name)
    (folder / "my.yaml").write_text((root / "configs" / "pretrain" / "tiny_clip_vit.yaml").read_text())
    for block in BLOCKS:
        if found := re.match(r"# (\w+\.(?:py|yaml))\n", block.text):
            (folder / found[1]).write_text(block.text)
    monkeypatch.chdir(folder)
    return folder


SHELL = [block for block in COMMANDS if block.kind == "sh"] + documents.inline(Path(__file__).parents[1])


@pytest.mark.parametrize("block", SHELL, ids=fate)
def test_its_commands_are_understood(root, reader, tmp_path, block):
    calls = documents.commands(block.text, tmp_path)
    assert calls
    for call in calls:
        command_lines.check(root, call)


@pytest.mark.parametrize("block", [block for block in COMMANDS if block.kind == "python"], ids=fate)
def test_its_python_compiles(block):
    compile(block.text, block.where, "exec")


@pytest.mark.parametrize("name", WALKS)
def test_a_reader_gets_through(root, request, tmp_path, reader, name):
    """And sees what the page shows, up to its numbers."""
    walk = WALKS[name]
    for folder in walk.shared:
        (reader / folder).symlink_to(request.getfixturevalue("shared") / "data" / folder)
    assert not [words for words in walk.shorter if not any(words in block.text for block in walked(walk))]
    for block in walked(walk):
        text = block.text
        for words, fewer in walk.shorter.items():
            text = text.replace(words, fewer)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            if block.kind == "python":
                exec(compile(text, block.where, "exec"), {"__name__": "__main__"})
            else:
                for call in documents.commands(text, tmp_path):
                    run(root, call)
        missing = documents.never_printed(shown(block), printed.getvalue())
        assert not missing, f"{block.where} shows {missing}, which is not printed:\n{printed.getvalue()}"


def shown(block):
    """What the page says that a block prints: the block without a language right behind it."""
    end = block.line + block.text.count("\n") + 1  # its last fence
    behind = [each for each in BLOCKS if (each.page, each.kind) == (block.page, "") and end < each.line <= end + 2]
    return behind[0].text if behind else ""


def run(root, call):
    """In this process, where engines are imported already. make only says what it would do: it installs."""
    if call[0] == "make":
        subprocess.run(["make", "-n", *call[1:]], cwd=root, check=True, capture_output=True)
        return
    name, arguments = command_lines.tool(call)
    code = __import__(f"tandemclip.tools.{name}", fromlist=["main"]).main(arguments)
    assert code == 0, call


def test_the_check_sees_commands_that_are_wrong(root, reader, tmp_path):
    """An option, a config, a key, a source, a target and an extra that are not there."""
    for wrong in (
        "python tools/train.py --config configs/pretrain/tiny_clip_vit.yaml --out x --steps 3",
        "python tools/train.py --config configs/pretrain/nothing.yaml --out x",
        "python tools/train.py --config configs/pretrain/tiny_clip_vit.yaml --out x --set training.nothing=1",
        "for x in nothing; do torchrun --nproc-per-node 2 tools/detect.py train --config $x --out y; done",
        "python tools/prepare.py shards --source nothing path=x --out y",
        "python tools/prepare.py detection --out y --split train scenes nothing=1",
        "make nothing",
        "pip install -c constraints.txt '.[nothing]'",
        "python tools/nothing.py",
        "tandemclip nothing",
        "tools/ascend_report.sh --nothing",
    ):
        (call,) = documents.commands(wrong, tmp_path)
        with pytest.raises((AssertionError, UserError, ImportError)):
            command_lines.check(root, call)


def test_blocks_are_found_however_they_are_marked():
    page = "a\n\n```sh\nls\n```\nb\n\n    make x\n    make y\n\nc\n\n    1 + 1\n\n"
    page += "```\npython x.py \n```\n  ```python\n  y\n  ```\n"
    found = [(block.line, block.kind, block.text) for block in documents.cut("a.md", page)]
    assert found == [
        (4, "sh", "ls\n"),
        (8, "sh", "make x\nmake y\n"),
        (13, "", "1 + 1\n"),
        (16, "sh", "python x.py \n"),
        (19, "python", "y\n"),
    ]  # fmt: skip
