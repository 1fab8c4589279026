"""The house's own rules, by reading and importing the code."""

import ast
import configparser
import re
import subprocess
import sys
from fnmatch import fnmatchcase

import pytest

# What decides a number at an engine's function, by the place it has among positional arguments (None: keyword only).
# Defaults differ between engines and releases, so that none is used.
DECIDING = {
    "torch": {
        "gelu": {"approximate": None},
        "layer_norm": {"weight": 2, "bias": 3, "eps": 4},
        "LayerNorm": {"eps": 1},
        "batch_norm": {"training": 5, "momentum": 6, "eps": 7},
        "native_batch_norm": {"training": 5, "momentum": 6, "eps": 7},
        "BatchNorm1d": {"eps": 1, "momentum": 2},
        "BatchNorm2d": {"eps": 1, "momentum": 2},
        "conv2d": {"stride": 3, "padding": 4, "groups": 6},
        "scaled_dot_product_attention": {"attn_mask": 3, "dropout_p": 4, "is_causal": 5},
        "normalize": {"dim": 2, "eps": 3},
        "softmax": {"dim": 1},
        "log_softmax": {"dim": 1},
        "avg_pool2d": {"kernel_size": 1},
        "interpolate": {"mode": 3, "align_corners": 4, "antialias": 6},
        "AdamW": {"lr": 1, "betas": 2, "eps": 3, "weight_decay": 4},
    },
    "mindspore": {
        "gelu": {"approximate": 1},
        "GELU": {"approximate": 0},
        "LayerNorm": {"begin_norm_axis": 0, "begin_params_axis": 1, "epsilon": 2},
        "BatchNorm": {"is_training": 0, "epsilon": 1, "momentum": 2},
        "batch_norm": {"training": 5, "eps": 7},
        "conv2d": {"stride": 3, "pad_mode": 4, "padding": 5, "dilation": 6, "groups": 7},
        "Conv2D": {"pad_mode": None, "pad": None, "stride": None, "dilation": None, "group": None},
        "AvgPool": {"kernel_size": 0, "strides": 1, "pad_mode": 2},
        "L2Normalize": {"axis": 0, "epsilon": 1},
        "softmax": {"axis": 1},
        "log_softmax": {"axis": 1},
        "interpolate": {"mode": 3, "align_corners": 4},
        "AdamWeightDecay": {"eps": None, "weight_decay": None},
        "jit": {"capture_mode": 1},  # two of the three give wrong gradients, silently
        "value_and_grad": {"grad_position": 1, "has_aux": 3},
    },
}
FORBIDDEN = {
    "mindspore": {"pad": "its gradient is wrong in compiled code", "Dropout": "randomness is drawn on the host"},
}

OWNERS = {"F", "O", "ms", "nn", "mint", "torch", "torch.optim", "torch.nn", "ms.ops", "ms.nn", "ms.mint", "mindspore"}

OWN_WORDS = [  # put together, so that this file does not hold them
    "/wo" + "rk/",
    "TO" + "DO",
    "FIX" + "ME",
    "NotImplemented" + "Error",
]


# ------------------------------------------------------------------ what is in the house
@pytest.fixture(scope="module")
def files(root):
    """Every file of the project, new ones included, as git knows them."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listing = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("this is no git checkout, so that the project's own files are not known")
    return [root / name for name in listing.stdout.split("\0") if name and (root / name).is_file()]


@pytest.fixture(scope="module")
def sources(files):
    """{path: text} of the Python files."""
    return {path: path.read_text() for path in files if path.suffix == ".py"}


def test_core_and_tools_import_no_engine(root):
    modules = []
    for part in ("core", "tools"):
        for path in sorted((root / part).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            modules.append(".".join(("tandemclip", *(p for p in parts if p != "__init__"))))
    assert len(modules) > 30
    program = (
        "import importlib, sys\n"
        f"for name in {modules!r}:\n"
        "    importlib.import_module(name)\n"
        "    engines = {'torch', 'mindspore'} & set(sys.modules)\n"
        "    assert not engines, f'{name} imports {engines}'\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=root.parent)
    assert result.returncode == 0, result.stderr[-2000:]


# ------------------------------------------------------------------ rooms
@pytest.fixture(scope="module")
def rooms(root):
    """{room: its line in the README's picture, counted from the bottom}"""
    picture = re.search(r"## The house\n\n```\n(.*?)```", (root / "README.md").read_text(), re.S)[1]
    lines = [re.match(r"(?:[\w/]+/(?:\s+|$))+", line)[0].split() for line in reversed(picture.splitlines())]
    return {room: height for height, line in enumerate(lines) for room in line}


def _room(rooms, path):
    """The innermost room that "core/data/views/view/View" or "core/data/views/view.py" lies in."""
    return max((room for room in rooms if path.startswith(room)), key=len)


def _imported(tree):
    """(line, "core/spec/Spec") of everything of ours that is imported, within functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tandemclip"):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            if name.startswith("tandemclip."):
                yield node.lineno, name.removeprefix("tandemclip.").replace(".", "/")


def _arrows_back(rooms, path, tree):
    """Imports of a room that stands higher."""
    room = _room(rooms, path)
    for line, imported in _imported(tree):
        other = _room(rooms, f"{imported}/")
        if rooms[other] > rooms[room]:
            yield f"{path}:{line}: {room} imports {imported} of {other}"


def test_every_folder_is_a_room_of_the_picture(root, rooms):
    """Or lies in one: not in `core/` or `core/data/`, whose own files alone are rooms."""
    folders = {f"{path.parent.relative_to(root)}/" for path in (root / "core").rglob("*.py")}
    assert not {folder for folder in folders - set(rooms) if _room(rooms, folder) in ("core/", "core/data/")}
    assert not {room for room in rooms if not any((root / room).glob("*.py"))}


def test_no_room_imports_a_higher_one(root, rooms, sources):
    places = {str(path.relative_to(root)): text for path, text in sources.items()}
    found = [
        arrow
        for path, text in places.items()
        if path.startswith(tuple(rooms))
        for arrow in _arrows_back(rooms, path, ast.parse(text))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "path, code, back",
    [
        ("core/spec.py", "from tandemclip.core.ops import Ops", False),
        ("core/spec.py", "from tandemclip.core import training", True),
        ("core/data/records.py", "from tandemclip.core.data.views.view import View", True),
        ("core/data/views/view.py", "from tandemclip.core.data.records import Record", False),
        ("core/training/diagnosis/advice.py", "from tandemclip.core.training.trainer import Trainer", False),
        ("core/data/scenes/plan.py", "from tandemclip.core.data.sources.source import Source", False),  # its own line
        ("core/methods/clip.py", "def f():\n    import tandemclip.core.training.trainer", True),
        ("core/towers/vit.py", "from tandemclip import backends", True),
        ("core/towers/vit.py", "import numpy", False),
        ("backends/torch/ops.py", "import tandemclip.downstream.detection", True),
        ("downstream/detection/register.py", "from tandemclip.backends.torch.engine import Engine", False),
        ("downstream/detection/register.py", "from tandemclip.tools import train", True),
    ],
)
def test_the_check_of_rooms_sees_arrows_that_run_back(rooms, path, code, back):
    assert bool(list(_arrows_back(rooms, path, ast.parse(code)))) == back


# ------------------------------------------------------------------ engines
def _asks_which_engine(tree):
    """Lines that compare something with an engine's name, or `backend` or `engine` with anything but None."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            words = {leaf.value for side in sides for leaf in ast.walk(side) if isinstance(leaf, ast.Constant)}
            asked = {ast.unparse(side).removeprefix("args.").removesuffix(".name") for side in sides}
            plain = any(isinstance(op, (ast.Eq, ast.NotEq)) for op in node.ops)
            if words & set(DECIDING) or plain and asked & {"backend", "engine"}:
                yield node.lineno
        elif isinstance(node, ast.MatchValue) and ast.literal_eval(node.value) in DECIDING:
            yield node.value.lineno


def test_nothing_outside_the_backends_asks_which_engine_it_is(root, sources):
    found = [
        f"{path.relative_to(root)}:{line}"
        for path, text in sources.items()
        if path.relative_to(root).parts[0] not in ("backends", "tests")
        for line in _asks_which_engine(ast.parse(text))
    ]
    assert not found


@pytest.mark.parametrize(
    "code, asks",
    [
        ('x = 1 if backend == "torch" else 2', True),
        ("if args.backend != other: pass", True),
        ('if run.engine.name in ("mindspore",): pass', True),
        ('match name:\n  case "torch": pass', True),
        ("if engine is None: pass", False),
        ("for backend in names(): pass", False),
        ("if row.engine == JUDGE: pass", False),  # a column of a table
    ],
)
def test_the_check_sees_who_asks(code, asks):
    assert bool(list(_asks_which_engine(ast.parse(code)))) == asks


# ------------------------------------------------------------------ no defaults of the engines
def _left_to_default(tree, engine):
    """(line, what) of calls that leave out what decides a number, or that are forbidden."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner, name = ast.unparse(node.func.value), node.func.attr
        if owner not in OWNERS:  # a method, or `ops`, the vocabulary
            continue
        if name in FORBIDDEN.get(engine, ()):
            yield node.lineno, f"{owner}.{name}: {FORBIDDEN[engine][name]}"
        given = {keyword.arg for keyword in node.keywords}
        for keyword, position in DECIDING[engine].get(name, {}).items():
            if keyword not in given and (position is None or len(node.args) <= position):
                yield node.lineno, f"{owner}.{name} without {keyword}"


@pytest.mark.parametrize("engine", DECIDING)
def test_no_default_of_an_engine_decides_a_number(root, engine):
    found = [
        f"{path.name}:{line}: {what}"
        for path in sorted((root / "backends" / engine).rglob("*.py"))
        for line, what in _left_to_default(ast.parse(path.read_text()), engine)
    ]
    assert not found


def test_the_check_of_defaults_sees_them():
    flagged = lambda code, engine: [what for _, what in _left_to_default(ast.parse(code), engine)]
    assert flagged("F.gelu(x)", "torch") == ["F.gelu without approximate"]
    assert flagged("F.layer_norm(x, s, w, b)", "torch") == ["F.layer_norm without eps"]
    assert not flagged("F.layer_norm(x, s, w, b, e)", "torch")
    convolution = "O.conv2d(x, w, stride=1, padding=0, dilation=1, groups=1)"
    assert flagged(convolution, "mindspore") == ["O.conv2d without pad_mode"]
    assert flagged("ms.jit(f)", "mindspore") == ["ms.jit without capture_mode"]
    assert flagged("O.pad(x, (1, 1))", "mindspore") == ["O.pad: its gradient is wrong in compiled code"]


def test_programs_are_compiled_in_the_mode_whose_gradients_are_right(root):
    modes = [
        ast.literal_eval(keyword.value)
        for path in (root / "backends" / "mindspore").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "ms.jit"
        for keyword in node.keywords
        if keyword.arg == "capture_mode"
    ]
    assert modes and set(modes) == {"ast"}


# ------------------------------------------------------------------ files
def test_no_file_is_a_drawer(root, files):
    assert not [path.relative_to(root) for path in files if path.stem in ("utils", "util", "helpers", "misc", "common")]


def test_files_are_short(root, sources):
    long = {str(path.relative_to(root)): len(text.splitlines()) for path, text in sources.items()}
    assert not {name: count for name, count in long.items() if count >= 400}


def test_nothing_speaks_of_a_machine_or_of_unfinished_work(root, files):
    pattern = re.compile("|".join(rf"\b{word}\b" if word.isalpha() else re.escape(word) for word in OWN_WORDS).encode())
    found = []
    for path in files:
        content = path.read_bytes()
        if b"\0" not in content:  # text
            found += [f"{path.relative_to(root)}: {m.group().decode()}" for m in pattern.finditer(content)]
    assert not found


# ------------------------------------------------------------------ what the wheel gets
RUNS = ("core", "backends", "downstream", "tools", "configs")


@pytest.fixture(scope="module")
def packages(root):
    found = configparser.ConfigParser()
    found.read(root / "setup.cfg")
    return {
        package: found["options.package_data"].get(package, "").replace(",", " ").split()
        for package in found["options"]["packages"].split()
    }


def _not_packed(names, packages):
    """Files that run and that setup.cfg names no package or no data for. Scripts of a shell run in a checkout alone.

    packages: {package: patterns of its data}
    """
    for name in sorted(name for name in names if name.startswith(tuple(f"{part}/" for part in RUNS))):
        folder, _, file = name.rpartition("/")
        package = f"tandemclip.{folder.replace('/', '.')}"
        patterns = ["*.py", *packages[package]] if package in packages else []
        if not name.endswith(".sh") and not any(fnmatchcase(file, pattern) for pattern in patterns):
            yield name


@pytest.fixture(scope="module")
def names(root, files):
    return [path.relative_to(root).as_posix() for path in files]


def test_all_that_runs_is_named_in_setup(names, packages):
    assert not list(_not_packed(names, packages))
    assert len(names) > 500


def test_every_package_that_setup_names_is_needed_there(names, packages):
    """Without any of them something that runs would be missing, and the check says so: but for folders of folders."""
    for package in packages:
        fewer = {name: data for name, data in packages.items() if name != package}
        assert list(_not_packed(names, fewer)) or any(name.startswith(f"{package}.") for name in packages), package


@pytest.mark.parametrize(
    "name, missing",
    [
        ("core/new/thing.py", True),
        ("core/layers/new/thing.py", True),  # no part of the package above it
        ("configs/evaluate_new/x.yaml", True),
        ("core/layers/table.json", True),  # data of a package that has none
        ("core/layers/NOTICE", True),
        ("core/data/tokenizers/words.gz", False),
        ("core/layers/thing.py", False),
        ("configs/pretrain/x.yaml", False),
        ("tests/core/new/test_x.py", False),
    ],
)
def test_the_check_of_setup_sees_what_is_missing(packages, name, missing):
    assert list(_not_packed([name], packages)) == [name] * missing


# What changes while it is used; everything else that is a dataclass is a value.
CHANGING = {
    "backends/recorder/ops/Program",
    "backends/recorder/record/Recording",
    "backends/torch/module/HookedRun",
    "core/data/sources/shard_keys/Groups",
    "core/methods/features/Features",
    "core/preparation/annotated/PassedOver",
    "core/preparation/check/Findings",
    "core/spec/Run",
    "core/training/best/Standing",
    "core/training/constants/Compared",
    "core/training/engine/Backward",
    "core/training/engine/Differentiated",
    "core/training/engine/Encoded",
    "core/training/loss_scale/LossScale",
    "core/training/trainer/Trainer",
}


def test_dataclasses_are_frozen(root):
    """A spec, a source or a setting that somebody changes on the way would no more be what its configuration says."""
    changing = set()
    for path in [path for room in ("core", "backends", "downstream") for path in (root / room).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            decorators = [ast.unparse(each) for each in getattr(node, "decorator_list", ())]
            of_class = isinstance(node, ast.ClassDef) and any(each.startswith("dataclass") for each in decorators)
            if of_class and not any("frozen=True" in each for each in decorators):
                changing.add(f"{path.relative_to(root).with_suffix('')}/{node.name}")
    assert changing == CHANGING
