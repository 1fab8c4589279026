"""One command with sub-commands, beside the old names."""

import configparser
import os
import shutil
import subprocess
import sys

import pytest
import yaml

from tandemclip import __version__
from tandemclip.core.config import shipped
from tandemclip.core.training.config import read
from tandemclip.tools import command, show

OLD = ("train", "evaluate", "prepare", "compare", "parity", "doctor", "summarize", "convert", "bench", "detect")


@pytest.fixture(scope="module")
def scripts(root):
    lines = configparser.ConfigParser()
    lines.read(root / "setup.cfg")
    return dict(line.split(" = ") for line in lines["options.entry_points"]["console_scripts"].strip().splitlines())


def test_every_tool_is_a_command_and_the_old_names_stay(root, scripts):
    tools = {path.stem for path in (root / "tools").glob("*.py")} - {"__init__", "command"}
    assert tools == {*command.COMMANDS} and {*OLD} <= tools
    assert scripts == {"tandemclip": "tandemclip.tools.command:main"} | {
        f"tandemclip-{name}": f"tandemclip.tools.{name}:main" for name in OLD
    }


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder of a script such as pip writes it."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "tandemclip").write_text(
        f"#!{sys.executable}\nimport sys\nfrom tandemclip.tools.command import main\nsys.exit(main())\n"
    )
    (folder / "tandemclip").chmod(0o755)
    return folder


def run(installed, *arguments, cwd=None):
    path = f"{installed}:{os.environ['PATH']}"
    given = {"cwd": cwd, "env": os.environ | {"PATH": path}, "capture_output": True, "text": True}
    return subprocess.run([shutil.which("tandemclip", path=path), *arguments], **given)


def test_a_run_by_name_says_its_engine_first_and_how_to_go_on(installed, tmp_path):
    done = run(
        installed, "train", "--config", "tiny_clip_vit", "--out", "my runs/a", "--max-steps", "1", "--set",
        "data.workers=0", "training.batch_size=4", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, *_, last = done.stdout.splitlines()
    assert first.startswith("torch ") and " on c" in first
    again = (
        "tandemclip train --config tiny_clip_vit --out 'my runs/a' --set data.workers=0 training.batch_size=4 --resume"
    )
    assert last.endswith(f"go on with: {again}")
    went_on = subprocess.run(
        ["bash", "-c", f"{again} --max-steps 2"], cwd=tmp_path, capture_output=True, text=True,
        env=os.environ | {"PATH": f"{installed}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert went_on.returncode == 0 and "stopped at step 2 of" in went_on.stdout


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (["--version"], 0, f"TandemCLIP {__version__}\n"),
        (["train", "--version"], 0, f"TandemCLIP {__version__}\n"),
        (["tarin"], 2, "error: unknown command 'tarin': did you mean train?\n"),
        (["--config", "x"], 2, "tandemclip --help says what it takes"),
        ([], 2, "COMMAND; tandemclip --help says what it takes"),
        (["summarize"], 2, "--config; tandemclip summarize --help says what it takes\n"),
        (["summarize", "--config", "scenes_cilp"], 2, "did you mean scenes_clip?\n"),
    ],
)
def test_what_it_answers(installed, arguments, code, words, tmp_path):
    done = run(installed, *arguments, cwd=tmp_path)
    assert done.returncode == code and words in done.stdout + done.stderr


def test_help_names_every_command_and_what_all_take(installed):
    shown = run(installed, "--help").stdout
    assert all(f"\n  {name} " in shown for name in command.COMMANDS)
    shown = run(installed, "prepare", "shards", "--help").stdout
    assert shown.startswith("usage: tandemclip prepare shards ") and "--debug" in shown and "--version" in shown


# ------------------------------------------------------------------ show
def test_a_config_is_shown_as_it_can_be_used(capsys, tmp_path):
    """One with a base and a comment, and one without a base, which is its file."""
    base, plain = "lightclip_resnet18_clip", "scenes_clip"
    assert show.main([plain]) == 0
    assert capsys.readouterr().out == shipped.config(plain).read_text()
    assert show.main([base]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("# ") and "base" not in yaml.safe_load(shown)
    (tmp_path / "mine.yaml").write_text(shown)
    assert read(tmp_path / "mine.yaml") == read(shipped.config(base))
    assert show.main([str(tmp_path / "mine.yaml")]) == 0
    assert capsys.readouterr().out == shown


def test_what_else_is_shown(capsys):
    for name, words in {
        "RN50": "model RN50: 38,316,896 parameters",
        "pyramidclip": "method, type: pyramidclip: ",
        "training": "training: How long and how fast",
        "scenes_mask_rcnn": '"""Mask R-CNN on the built-in scenes',
    }.items():
        assert show.main([name]) == 0
        shown = capsys.readouterr().out
        assert shown.startswith(words) and (name.startswith("scenes") or max(map(len, shown.splitlines())) <= 80)
    assert show.main(["pyramidclap"]) == 2
    assert "nothing that ships is called 'pyramidclap': did you mean pyramidclip?" in capsys.readouterr().err
