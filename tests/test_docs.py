"""What the documents say: the longer recipes run and print what is shown, every link and path leads somewhere.

tests/test_documented_commands.py has the other recipes, and sees that none is left out.

The shapes of docs/architecture.md are those of a step.
"""

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
import pytest
import yaml

from tandemclip.backends.recorder.cost import Cost, costs
from tandemclip.backends.recorder.draws import training_views
from tandemclip.backends.recorder.record import record_features, record_step
from tandemclip.core.config import yaml_text
from tandemclip.core.config.build import build
from tandemclip.core.data.views.view import batch_arrays
from tandemclip.core.methods.method import Method
from tandemclip.core.training.config import read
from tandemclip.tests import documents

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
        assert not documents.never_printed(shown, done.stdout), done.stdout


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
    evaluated = yaml_text.parse(blocks[0][1], "the first block")
    evaluated["data"] |= yaml_text.parse(blocks[2][1], "the third block")
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
    beside = {"chance", "queries", "interval", "remarks"}
    assert {*metrics} == {"step", "own/top1", "own/mean_per_class", "birds/linear_probe", *beside}

    (tmp_path / "flowers" / "classes.json").write_text('["rose", "tulip"]')
    (tmp_path / "runs").rename(tmp_path / "before")
    done = train()
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert (
        "flowers/0.tar:002 has class 2, and flowers/classes.json names 2; give the list of all classes" in done.stderr
    )


def test_finetuning(root, tmp_path):
    """Its recipe runs and prints what is shown, and the part of a configuration is the shipped one's."""
    blocks = re.findall(r"```(\w*)\n(.*?)```", (root / "docs" / "finetuning.md").read_text(), re.S)
    assert [kind for kind, _ in blocks] == ["sh", "", "yaml", "sh", "sh"]
    for name in ("configs", "tools"):
        (tmp_path / name).symlink_to(root / name)
    environment = os.environ | {"PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}
    command = ["bash", "-ec", blocks[0][1]]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not set(blocks[1][1].splitlines()) - set(done.stdout.splitlines()), done.stdout
    shipped = root / "configs" / "finetune" / "tiny_scenes.yaml"
    assert read(shipped, yaml_text.parse(blocks[2][1], "the block"))[0] == read(shipped)[0]


# ------------------------------------------------------------------ links and paths
FOLDERS = "backends|configs|core|docs|tests|tools"
OF_THE_READER = {"my.yaml", "unicl.yaml"}  # files that a document tells its reader to write
INVENTED = re.compile(r"my_\w+\.(py|yaml)")


def anchors(text):
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.S), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead(root, document, text):
    """Links and paths of a document that lead nowhere."""
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        other = document.parent / path if path else document
        known = text if other == document else other.read_text() if anchor and other.is_file() else ""
        if not other.exists() or (anchor and anchor not in anchors(known)):
            yield target
    globbed = re.sub(r"\$\{?\w+\}?", "*", text)  # a variable of the shell stands for any name
    globbed = re.sub(r"([\w./*-]*)\{([\w,]+)\}([\w./*-]*)", _spelt_out, globbed)
    for path in re.findall(rf"(?<![\w./-])(?:{FOLDERS})/[\w*./-]*[\w*/]", globbed):
        if not any(root.glob(path.rstrip("/"))):
            yield path
    named = {path.name for part in FOLDERS.split("|") for path in (root / part).rglob("*.*")}
    for name in re.findall(r"`(\w+\.(?:py|yaml|sh))`", text):
        if name not in named | OF_THE_READER and not INVENTED.fullmatch(name):
            yield name


def _spelt_out(braces):
    """What a shell makes of a{b,c}d: abd acd."""
    before, inside, behind = braces.groups()
    return " ".join(f"{before}{each}{behind}" for each in inside.split(","))


def test_every_link_and_path_leads_somewhere(root):
    assert len(documents.pages(root)) > 9
    found = {path.name: list(dead(root, path, path.read_text())) for path in documents.pages(root)}
    assert not {name: targets for name, targets in found.items() if targets}


@pytest.mark.parametrize(
    "text, target",
    [
        ("[here](docs/nothing.md)", "docs/nothing.md"),
        ("[here](docs/parity.md#nothing)", "docs/parity.md#nothing"),
        ("[here](#nothing)", "#nothing"),
        ("see `core/nothing.py`.", "core/nothing.py"),
        ("in core/data/nowhere/", "core/data/nowhere/"),
        ("`backends/*/nothing.py`", "backends/*/nothing.py"),
        ("`test_nothing.py`", "test_nothing.py"),
        ("    python tools/nothing.py --help", "tools/nothing.py"),
        ("for x in a b; do cat configs/nothing_$x.py; done", "configs/nothing_*.py"),
        ("cat docs/{parity,nothing}.md", "docs/nothing.md"),
        (
            "[a](docs/parity.md) [b](#x-y) `core/ops.py`, `backends/*/ops.py` `test_life.py` ../core/x.py\n# X, y",
            None,
        ),
    ],
)
def test_the_check_of_paths_sees_what_is_dead(root, text, target):
    assert target in [*dead(root, root / "README.md", text), None]
    assert target is not None or not list(dead(root, root / "README.md", text))


# ------------------------------------------------------------------ docs/architecture.md
def test_the_life_of_a_step_has_the_shapes_and_numbers_of_one(root):
    text = (root / "docs" / "architecture.md").read_text()
    config, _ = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")
    method, settings = config.method, config.training
    arrays = batch_arrays(training_views(method), settings.batch_size)
    step = record_step(method, arrays)
    nodes = {path: list(seen[0].shape) for path, seen in step.nodes.items() if path}
    shown = [line.rpartition(" [")[::2] for line in re.search(r"```\n(.*?)```", text, re.S)[1].splitlines()]
    assert len(shown) == 14
    order = list(nodes)
    assert [order.index(name) for name, _ in shown] == sorted(order.index(name) for name, _ in shown)
    assert all(f"[{shape}" == str(nodes[name]) for name, shape in shown)
    encoded = record_features(method, arrays).outputs
    assert {name: symbol.shape for name, symbol in encoded.items()} == {"shared:u": (8, 24), "shared:v": (8, 24)}
    sizes = [group.size for group in settings.tuning.groups(method, settings.update)]
    numbers = [
        f"some of the {len(nodes)} nodes",
        f"draws {len(method.declared())} arrays of weights",
        f"Here: {sizes[0]:,} numbers that decay, and {sizes[1]:,} that do not",
        f"two vectors, [{sizes[0]}] and [{sizes[1]}]",
        f"{len(step.program.calls)} calls of the vocabulary",
        f"({2 * len(method.declared())}: `first.NAME` and `second.NAME`)",
        f"the rate ({settings.schedule(config.data.train.epoch)(0):.0e}, in warm-up)".replace("e-0", "e-"),
        *(f"`{name}` {list(shape)} {dtype}" for name, (shape, dtype) in arrays.items()),
    ]
    assert not [said for said in numbers if said not in re.sub(r"\s+", " ", text)]


# ------------------------------------------------------------------ docs/lightclip.md
def table(text, *head):
    """The rows of the table with these first headings, without what marks code."""
    body = text.split("| " + " | ".join(head))[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in body]


@pytest.fixture(scope="module")
def lightclip(root):
    return (root / "docs" / "lightclip.md").read_text(), root / "configs" / "pretrain"


def test_lightclip_trains_as_written(root, lightclip, tmp_path):
    lines = [line.split("#")[0] for line in re.findall(r"^python tools/train.py.*$", lightclip[0], re.M)]
    tiny = [line for line in lines if "tiny" in line]
    assert len(lines) == 4 and len(tiny) == 1
    for line in lines:
        read(root / re.search(r"configs/\S+", line)[0])
    for name in ("configs", "tools"):
        (tmp_path / name).symlink_to(root / name)
    environment = os.environ | {"PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}
    command = ["bash", "-ec", f"{tiny[0]} --set training.steps=3"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    journal = (tmp_path / "runs" / "lightclip_tiny" / "journal.jsonl").read_text().splitlines()
    terms = re.search(r"`terms`.*?hold: (.*?), each", lightclip[0], re.S)[1]
    assert [{*json.loads(line)["terms"]} for line in journal] == [{*re.findall(r"`(\w+)`", terms)}] * 3


def test_the_fields_of_lightclip_have_the_values_shown(lightclip):
    """Each value, laid over the paper's configuration, changes nothing; each alternative changes it."""
    text, configs = lightclip
    path = configs / "lightclip_resnet18.yaml"
    config = read(path)[0]
    set_to = lambda field, value: read(path, nested(field.split("."), yaml_text.parse(value, field)))[0]
    nested = lambda names, value: {names[0]: nested(names[1:], value)} if names else value
    fields = [(field, value) for _, field, value, _ in table(text, "paper", "field") if field]
    assert len(fields) == 24
    assert not [field for field, value in fields if set_to(field, value) != config]
    others = re.findall(r"`((?:soften|alignment|masking)\.\w+): (\w+)`", text)
    assert len({*others}) == 9
    assert not [field for field, value in others if set_to(f"method.{field}", value) == config]


def summed(method, group):
    return sum(costs(method)[group].values(), Cost())


def figures(cost):
    return f"{cost.parameters:,}", f"{cost.inference / 1e6:,.2f}"


def test_the_towers_of_lightclip_cost_what_is_shown(lightclip):
    text, configs = lightclip
    names = {"ResNet18": "resnet18", "MobileNet-V2": "mobilenetv2", "Swin-Nano": "swin_nano"}
    rows = table(text, "image tower", "the paper's millions")
    assert [row[0].removeprefix("LightCLIP-") for row in rows] == [*names]
    for (_, millions, *shown), file in zip(rows, names.values()):
        method = read(configs / f"lightclip_{file}_clip.yaml")[0].method
        image, texts = (summed(method, tower) for tower in ("image", "text"))
        assert shown == [*figures(image), ", ".join(str(size) for size in method.image.stage_dims)]
        assert float(millions) == round(image.parameters / 1e6, 2)
        assert all(figure in text for figure in figures(texts))
        whole = read(configs / f"lightclip_{file}.yaml")[0].method
        assert [summed(whole, tower).inference for tower in ("image", "text")] == [image.inference, texts.inference]
        assert round(summed(whole, "auxiliary").parameters / 1e6) == 79
        assert summed(whole, "text").training > 1.99 * texts.training


def test_a_batch_of_lightclip_has_the_arrays_shown(lightclip):
    text, configs = lightclip
    method = read(configs / "lightclip_resnet18.yaml")[0].method
    shown = {name: (shape, dtype) for name, shape, dtype, _ in table(text, "name", "shape")}
    arrays = batch_arrays(training_views(method), 4096)
    found = {name: (str([*shape]).replace("4096", "B"), str(dtype)) for name, (shape, dtype) in arrays.items()}
    assert shown == found
    parts = {name.split(".")[1] for name, _ in method.all_parameters() if name.startswith("auxiliary.")}
    assert parts == {*re.findall(r"`(\w+)`", re.search(r"under `auxiliary.`: (.*?)A checkpoint", text, re.S)[1])}


def test_the_methods_cost_what_is_shown(root):
    """docs/methods.md: FLOPs of a step over CLIP's, and parameters of training alone, at ViT-B/32."""
    plain, given = ("ViT-B/32", "CLIP-text-512"), {"pyramidclip": ("PyramidCLIP-ViT-B/32", "PyramidCLIP-text-512")}
    found, text = {}, (root / "docs" / "methods.md").read_text()
    for kind in re.findall(r"^\| \w+ \| `(\w+)` \| `\1\.py` \|", text, re.M):
        image, words = given.get(kind, plain)
        method = build(Method, {"type": kind, "image": {"type": image}, "text": {"type": words}})
        each = costs(method)
        training = sum(cost.training for parts in each.values() for cost in parts.values())
        found[kind] = training, sum(cost.parameters for cost in each.get("auxiliary", {}).values())
    rows = dict(re.findall(r"^\| \w+ \| `(\w+)` \| `\1\.py` \|(.*)\|$", text, re.M))
    assert len(rows) == len(found) >= 6 and f"{found['clip'][0] / 1e9:.2f} GFLOPs" in text
    for kind, (training, parameters) in found.items():
        _, ratio, alone = rows[kind].split("|")
        assert float(ratio.split(",")[0]) == pytest.approx(training / found["clip"][0], abs=0.006), kind
        assert float((alone.split() or ["0"])[0]) == pytest.approx(parameters / 1e6, abs=0.06), kind
