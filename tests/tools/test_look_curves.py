"""tools/look.py curves and nearest, on a run of a few steps."""

import json
import re

import cv2
import pytest

from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.tools import look, train


@pytest.fixture(scope="module")
def run(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    config = str(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")
    given = ["training.steps=4", "training.evaluate_every=2", "data.workers=0"]
    assert train.main(["--config", config, "--out", str(folder), "--set", *given]) == 0
    return folder


def test_curves(run, tmp_path, capsys):
    out = tmp_path / "new" / "c.png"
    assert look.main(["curves", str(run), f"again={run}", "--out", str(out)]) == 0
    assert "tiny: 4 steps up to 4\nagain: 4 steps up to 4\n" in capsys.readouterr().out
    assert cv2.imread(str(out)).shape == (320, 1350, 3)  # the loss and two metrics
    given = ["--axis", "steps", "--metrics", "zero_shot/color", "--smooth", "0", "--out", str(out)]
    assert look.main(["curves", str(run), *given]) == 0 and cv2.imread(str(out)).shape == (320, 900, 3)


def test_a_journal_without_a_checkpoint_is_drawn_by_steps(run, tmp_path, capsys):
    (tmp_path / "journal.jsonl").write_bytes((run / "journal.jsonl").read_bytes())
    assert look.main(["curves", str(tmp_path), "--out", str(tmp_path / "c.png")]) == 2
    assert "holds no whole checkpoint" in capsys.readouterr().err
    assert look.main(["curves", str(tmp_path), "--axis", "steps", "--out", str(tmp_path / "c.png")]) == 0


def test_what_is_wrong_with_curves_is_said(run, tmp_path, capsys):
    out = ["--out", str(tmp_path / "c.png")]
    assert look.main(["curves", str(run), str(run), *out]) == 2
    assert "two runs are called 'tiny'" in capsys.readouterr().err
    assert look.main(["curves", str(run), "--metrics", "top1", *out]) == 2
    assert "no run has the metric 'top1'; measured were zero_shot/digit, zero_shot/color" in capsys.readouterr().err


@pytest.fixture
def asked(run, tmp_path):
    (tmp_path / "v.tsv").write_text("red two\t9\nblue six\t7\ngreen one\t6\n")
    (tmp_path / "v.json").write_text(json.dumps(["red two", "blue six"]))
    cv2.imwrite(str(tmp_path / "p.png"), Scenes(size=32, count=1)[0].image[:, :, ::-1])
    return [
        "nearest", "--checkpoint", str(run), "--source", "scenes", "size=32", "count=7", "--out",
        str(tmp_path / "n.png"), "--concepts", str(tmp_path / "v.tsv"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "more, name",
    [
        (["--images", "{}/p.png"], "p.png"),
        (["--queries", "yellow nine"], "yellow nine"),
        (["--records", "scenes", "size=32", "count=5", "digits=1", "--count", "1"], r"a \w+ \w+"),
    ],
)
def test_nearest(asked, tmp_path, capsys, more, name):
    assert look.main([*asked, *(each.format(tmp_path) for each in more), "--top", "2"]) == 0
    concept = r"(red two|blue six|green one) -?\d\.\d{3}"
    shown = capsys.readouterr().out
    assert re.search(rf"^{name}: {concept}, {concept}$", shown, re.M)
    assert "n.png: the nearest of 3 concepts, with the nearest of 7 pictures" in shown
    assert cv2.imread(str(tmp_path / "n.png")) is not None


@pytest.mark.parametrize(
    "more, words",
    [
        (["--images", "{}/v.tsv"], "v.tsv: no whole image"),
        (["--images", "{}/p.png", "--template", "a photo"], "has no place for a class name"),
        (["--images", "{}/p.png", "--concepts", "{}/none.tsv"], "none.tsv cannot be read"),
        (["--images", "{}/p.png", "--queries", "x"], "not allowed with"),
        ([], "one of the arguments --images --queries --records is required"),
    ],
)
def test_what_is_wrong_with_nearest_is_said(asked, tmp_path, capsys, more, words):
    assert look.main([*asked, *(each.format(tmp_path) for each in more)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and words in said and not (tmp_path / "n.png").exists()


def test_class_names_are_a_vocabulary_too(asked, tmp_path, capsys):
    assert look.main([*asked, "--queries", "x", "--concepts", str(tmp_path / "v.json")]) == 0
    assert "of 2 concepts" in capsys.readouterr().out
