"""`tools/evaluate.py` as a person uses it."""

import json
from contextlib import closing

import cv2
import numpy as np
import pytest

from tandemclip.core.folder_lock import FolderLock
from tandemclip.core.spec import initial_weights
from tandemclip.core.training import checkpoint
from tandemclip.core.training.config import read
from tandemclip.core.training.start import tokenizer_of
from tandemclip.tests.core.evaluation.suites.scenes_suite import small
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
    names = ["seen/zero_shot/digit", "seen/zero_shot/color", "probe/linear_probe"]
    assert list(metrics) == [*names, "chance", "queries", "interval", "remarks", "accounts"]
    shown = capsys.readouterr().out.splitlines()[1:]  # the first line says on what it runs
    assert shown[:3] == ["Scenes: all 30 records read"] * 3
    starts = [
        f"{name}: {metrics[name]:.2f}% (chance {metrics['chance'][name]:.2f}%, 30 queries, 95%: " for name in names
    ]
    assert len(shown) == 7 and all(line.startswith(start) for line, start in zip(shown[3:], starts))
    assert metrics["chance"]["seen/zero_shot/digit"] == pytest.approx(10)
    assert metrics["chance"]["seen/zero_shot/color"] == pytest.approx(25)
    (told,) = metrics["remarks"]
    assert told.startswith("probe/linear_probe: 1 of the ") and shown[6] == f"remark: {told}"
    assert [account["read"] for account in metrics["accounts"]] == [30, 30, 30]


def test_what_the_method_cannot_answer_is_told_before_anything_is_encoded(saved, capsys):
    run = saved(SCENES)
    for words in (
        ["own_classes", "source={type: scenes, count: 5}"],
        ["label_mapping", "source={type: scenes, count: 5}"],
    ):
        assert evaluate.main(["--checkpoint", run, "--source", *words]) == 2
        assert f"error: {words[0]}: CLIP has no classes of its own; measure it by its texts" in capsys.readouterr().err


def test_another_evaluation_takes_its_place(saved, capsys):
    run = saved(SCENES)
    words = ["linear_probe", "learn={type: scenes, size: 32, count: 30, digits: 1}", "source={type: scenes, count: 5}"]
    assert evaluate.main(["--checkpoint", run, "--source", *words]) == 0
    assert capsys.readouterr().out.splitlines()[3].startswith("linear_probe: ")
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
    assert f"\n{first}: all 2,000 members of tar files read\n" in by_path


def test_what_is_passed_over_is_shown(saved, tmp_path, capsys):
    for name in ("cat/1.png", "dog/2.png", "dog/3.heic", "__MACOSX/x/1.png"):
        (tmp_path / "f" / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "f" / name.replace("heic", "png")), np.zeros((9, 9, 3), np.uint8))
    (tmp_path / "f" / "dog" / "3.png").rename(tmp_path / "f" / "dog" / "3.heic")
    assert evaluate.main(["--checkpoint", saved(None), "--source", "class_folder", f"path={tmp_path}/f"]) == 0
    assert capsys.readouterr().out.splitlines()[1:6] == [
        f"{tmp_path}/f: 2 of 3 class folders read",
        "  passed over, no class by its name (1: __MACOSX)",
        f"{tmp_path}/f: 2 of 4 files read",
        "  passed over, it lies in a folder that is no class (1: __MACOSX/x/1.png)",
        "  passed over, it is no picture by its name (1: dog/3.heic)",
    ]


def test_nothing_to_evaluate_on(saved, capsys):
    assert evaluate.main(["--checkpoint", saved(None)]) == 2
    assert "names no evaluation data; give tar shards with --data, or --source" in capsys.readouterr().err


def of_colour(folder, names):
    """A class folder; every class has two pictures of its own grey."""
    for value, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for number in range(2):
            cv2.imwrite(str(folder / name / f"{number}.png"), np.full((32, 32, 3), 40 * value, np.uint8))
    return ["--source", "class_folder", f"path={folder}"]


def test_what_a_figure_does_not_say_is_remarked(saved, tmp_path, capsys):
    """Names outside the vocabulary, equal but for case, and one class alone; in the JSON too."""
    run, file = ["--checkpoint", saved(None)], tmp_path / "not" / "there" / "yet" / "metrics.json"
    for names, told in {
        (
            "zebra",
            "yak",
            "red",
        ): "2 of 3 classes have the same texts as another to the model, such as 'a photo of a yak.'",
        ("Red", "red"): "2 of 2 classes have the same texts as another to the model",
        ("red",): "the figure could not have come out otherwise, as guessing alone gives 100%",
    }.items():
        given = of_colour(tmp_path / "-".join(names), names)
        assert evaluate.main([*run, *given, "--json", str(file)]) == 0
        found = json.loads(file.read_text())
        assert any(told in remark for remark in found["remarks"]), found["remarks"]
        assert f"remark: {found['remarks'][0]}" in capsys.readouterr().out
        assert found["chance"]["top1"] == pytest.approx(100 / len(names)) and found["queries"]["top1"] == 2 * len(names)
        of_folders, of_files = found["accounts"]
        assert (of_folders["read"], of_files["read"], of_files["unit"]) == (len(names), 2 * len(names), "files")


def test_a_name_that_a_long_template_cuts_off(saved, tmp_path, capsys):
    given = of_colour(tmp_path / "f", ("red", "blue"))
    templates = "templates=['a red seven and a blue two and a green one and a yellow {}']"
    assert evaluate.main(["--checkpoint", saved(None), *given, templates]) == 0
    told = capsys.readouterr().out
    assert "2 of 2 classes have the same texts as another" in told
    assert "2 of 2 classes have texts longer than the 12 tokens that the model reads, and cut, such as 'a red" in told


def test_as_many_places_as_images_is_no_figure(saved, tmp_path, capsys):
    """Four images with a caption each: R@5 and R@10 are 100% whatever the model does."""
    rows = ["path,caption", "0.png,a red seven", "1.png,a red two", "2.png,a red one", "3.png,  "]
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n3.png,a red seven\n")
    for number in range(4):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((32, 32, 3), 50 * number, np.uint8))
    file = tmp_path / "m.json"
    given = ["--source", "captions_table", f"path={tmp_path}/t.csv", "--json", str(file)]
    assert evaluate.main(["--checkpoint", saved(None), *given]) == 0
    found = json.loads(file.read_text())
    assert found["i2t/R@10"] == found["t2i/R@5"] == 100 and found["chance"]["t2i/R@1"] == 25
    same, always = found["remarks"]
    assert same == "2 of 4 captions are to the model the same as one of another image, such as 'a red seven'"
    assert always.startswith("i2t/R@5, i2t/R@10, t2i/R@5, t2i/R@10: the figure could not have come out otherwise")
    assert found["accounts"][0]["remarks"]["blank caption"]["count"] == 1


@pytest.mark.parametrize("place", ["folder", "file/metrics.json"])
def test_a_json_that_cannot_be_written_is_told_first(saved, tmp_path, capsys, place):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("kept")
    assert evaluate.main(["--checkpoint", saved(SCENES), "--json", str(tmp_path / place)]) == 2
    out, told = capsys.readouterr()
    assert f"{tmp_path / place} cannot be written (" in told and told.count("\n") == 1 and not out


def test_an_earlier_json_stays_where_the_evaluation_fails(saved, tmp_path):
    (tmp_path / "metrics.json").write_text("kept")
    given = ["--source", "class_folder", "path=nowhere", "--json", str(tmp_path / "metrics.json")]
    assert evaluate.main(["--checkpoint", saved(None), *given]) == 2
    assert (tmp_path / "metrics.json").read_text() == "kept"


def test_a_suite_of_checkpoints(tmp_path, capsys):
    suite, checkpoints = small(tmp_path)
    given = ["--suite", suite, "--checkpoint", *checkpoints, "--out", str(tmp_path / "out")]
    assert evaluate.main(given) == 0
    shown = capsys.readouterr().out
    assert "| data set | protocol | metric | chance | first | second |" in shown
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [each["name"] for each in report["checkpoints"]] == ["first", "second"] and len(report["rows"]) == 9
    before = {name: (tmp_path / "out" / f"report.{name}").read_bytes() for name in ("md", "json", "html")}
    assert evaluate.main(given) == 0
    assert "6 of 6 results are there already" in capsys.readouterr().out
    assert before == {name: (tmp_path / "out" / f"report.{name}").read_bytes() for name in before}


def test_two_calls_do_not_measure_into_one_folder(tmp_path, capsys):
    suite, checkpoints = small(tmp_path)
    given = ["--suite", suite, "--checkpoint", checkpoints[0], "--out", str(tmp_path)]
    with closing(FolderLock(tmp_path, "another process measures a suite in")):
        assert evaluate.main(given) == 2
    assert f"another process measures a suite in {tmp_path}; wait" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()
    assert evaluate.main(given) == 0 and (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    "given, told",
    [
        (["--checkpoint", "a", "b"], "got 2 checkpoints, which only a suite compares"),
        (["--checkpoint", "a", "--workers", "0"], "--workers is an option of a suite"),
        (["--checkpoint", "a", "--out", "b"], "--out is an option of a suite"),
        (["--checkpoint", "a", "--skip-missing"], "--skip-missing is an option of a suite"),
        (["--checkpoint", "a", "--suite", "local"], "--suite needs --out DIR"),
        (["--checkpoint", "a", "--suite", "local", "--out", "b", "--json", "c"], "--json is no option of a suite"),
        (["--checkpoint", "a", "--suite", "locl", "--out", "b"], "did you mean local?"),
    ],
)
def test_options_that_do_not_go_together(tmp_path, monkeypatch, capsys, given, told):
    monkeypatch.chdir(tmp_path)
    assert evaluate.main(given) == 2
    assert told in capsys.readouterr().err and not any(tmp_path.iterdir())
