"""`tools/evaluate.py` as a person uses it."""

import json

import cv2
import numpy as np
import pytest

from tandemclip.core.spec import initial_weights
from tandemclip.core.training import checkpoint
from tandemclip.core.training.config import read
from tandemclip.core.training.start import tokenizer_of
from tandemclip.tools import evaluate

SCENES = {"type": "scenes", "size": 32, "count": 30, "digits": 1}


@pytest.fixture
def saved(root, tmp_path):
    """A checkpoint whose configuration has this `data.evaluate`; its path."""

    def saved(evaluation):
        config, mapping = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")
        mapping = mapping | {"data": mapping["data"] | {"evaluate": evaluation}}
        state = {"config": mapping, "tokenizer": tokenizer_of(config).to_json()}
        checkpoint.save(tmp_path / "run", 0, initial_weights(config.method, 3), {}, state)
        return str(tmp_path / "run")

    return saved


def test_what_the_run_was_configured_with(saved, tmp_path, capsys):
    """As it was stored when protocols still were sources."""
    probe = {"type": "tandemclip.core.data.linear_probe:LinearProbe", "learn": SCENES, "source": SCENES | {"seed": 1}}
    run = saved({"type": "one_by_one", "names": ["seen", "probe"], "sources": [SCENES, probe]})
    assert evaluate.main(["--checkpoint", run, "--json", str(tmp_path / "metrics.json")]) == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert list(metrics) == ["seen/zero_shot/digit", "seen/zero_shot/color", "probe/linear_probe"]
    shown = capsys.readouterr().out.splitlines()
    assert shown[:3] == ["Scenes: all 30 records read"] * 3
    assert shown[3:] == [f"{name}: {value:.2f}%" for name, value in metrics.items()]


def test_another_evaluation_takes_its_place(saved, capsys):
    run = saved(SCENES)
    words = ["linear_probe", "learn={type: scenes, size: 32, count: 30, digits: 1}", "source={type: scenes, count: 5}"]
    assert evaluate.main(["--checkpoint", run, "--source", *words]) == 0
    assert capsys.readouterr().out.splitlines()[2].startswith("linear_probe: ")
    assert evaluate.main(["--checkpoint", run, "--source", "scene"]) == 2
    assert "unknown value 'scene' in --source.type: did you mean 'scenes'" in capsys.readouterr().err


def test_data_as_tar_shards(saved, shared, capsys):
    """The same pictures by path and as a source."""
    run = saved(None)
    first = sorted((shared / "data" / "flickr8k_entities" / "dev").glob("*.tar"))[0]
    assert evaluate.main(["--checkpoint", run, "--data", str(first)]) == 0
    by_path = capsys.readouterr().out
    assert evaluate.main(["--checkpoint", run, "--source", "shards", f"paths={first}"]) == 0
    assert capsys.readouterr().out == by_path and by_path.splitlines()[2].startswith("i2t/R@1: ")
    assert by_path.startswith(f"{first}: all 2,000 members of tar files read\n")


def test_what_is_passed_over_is_shown(saved, tmp_path, capsys):
    for name in ("cat/1.png", "dog/2.png", "dog/3.heic", "__MACOSX/x/1.png"):
        (tmp_path / "f" / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "f" / name.replace("heic", "png")), np.zeros((9, 9, 3), np.uint8))
    (tmp_path / "f" / "dog" / "3.png").rename(tmp_path / "f" / "dog" / "3.heic")
    assert evaluate.main(["--checkpoint", saved(None), "--source", "class_folder", f"path={tmp_path}/f"]) == 0
    assert capsys.readouterr().out.splitlines()[:5] == [
        f"{tmp_path}/f: 2 of 3 class folders read",
        "  passed over, no class by its name (1: __MACOSX)",
        f"{tmp_path}/f: 2 of 4 files read",
        "  passed over, it lies in a folder that is no class (1: __MACOSX/x/1.png)",
        "  passed over, it is no picture by its name (1: dog/3.heic)",
    ]


def test_nothing_to_evaluate_on(saved, capsys):
    assert evaluate.main(["--checkpoint", saved(None)]) == 2
    assert "names no evaluation data; give tar shards with --data, or --source" in capsys.readouterr().err
