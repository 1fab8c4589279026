"""`tools/prepare.py shards|sample|select` as a person uses it."""

import json

import cv2
import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core.data.sources.shards import Shards
from tandemclip.core.serving.model import open_model
from tandemclip.core.spec import initial_weights
from tandemclip.core.training import checkpoint
from tandemclip.core.training.config import read
from tandemclip.core.training.start import tokenizer_of
from tandemclip.tools import evaluate, prepare


@pytest.fixture
def photos(tmp_path):
    """A folder with 40 photos and a CSV; one photo is cut short."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(40):
        pixels = np.random.default_rng(number).integers(0, 255, (4, 5, 3), np.uint8)
        cv2.imwrite(str(folder / f"{number}.jpg"), cv2.resize(pixels, (60, 50)))
    (folder / "7.jpg").write_bytes((folder / "7.jpg").read_bytes()[:300])
    rows = "".join(f"{number}.jpg,number {number}\n" for number in range(40))
    (folder / "captions.csv").write_text("file,text\n" + rows)
    return folder


@pytest.fixture(scope="module")
def run(root, tmp_path_factory):
    """A run's folder, with initial weights."""
    folder = tmp_path_factory.mktemp("run")
    config, mapping = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")
    state = {"config": mapping, "tokenizer": tokenizer_of(config).to_json()}
    checkpoint.save(folder, 0, initial_weights(config.method, 3), {}, state)
    return folder


def columns(photos):
    return ["captions_table", f"path={photos}/captions.csv", "path_column=file", "caption_column=text"]


def captions(out):
    source = Shards(str(out / "*.tar"))
    return [source[i].captions[0] for i in range(len(source))]


def test_shards_then_a_sample_of_them(photos, tmp_path, capsys):
    out = tmp_path / "out"
    size = ["--per-shard", "15", "--short-side", "32"]
    assert prepare.main(["shards", "--source", *columns(photos), "--out", str(out), *size]) == 0
    shown = capsys.readouterr().out
    assert (
        f"39 records in 3 shards in {out}" in shown and "1 broken records were left out" in shown and "7.jpg: " in shown
    )
    assert captions(out) == [f"number {n}" for n in range(40) if n != 7]
    assert {Shards(str(out / "*.tar"))[i].pixels.shape for i in range(39)} == {(32, 38, 3)}
    sample = ["sample", "--source", "shards", f"paths={out}/*.tar", "--count", "10", "--seed", "4", "--out"]
    assert prepare.main([*sample, str(tmp_path / "a")]) == prepare.main([*sample, str(tmp_path / "b")]) == 0
    assert len(set(captions(tmp_path / "a"))) == 10 and set(captions(tmp_path / "a")) <= set(captions(out))
    assert (tmp_path / "a" / "000000.tar").read_bytes() == (tmp_path / "b" / "000000.tar").read_bytes()


def test_a_source_of_which_nothing_can_be_used_is_no_success(photos, tmp_path, capsys):
    (photos / "captions.csv").write_text('file,text\n"\x1b[31m\ngone.jpg",one\nlost.jpg,two\n')
    assert prepare.main(["shards", "--source", *columns(photos), "--out", str(tmp_path / "out")]) == 2
    shown = capsys.readouterr()
    assert "\\x1b[31m\\ngone.jpg: the file cannot be read" in shown.out and "\x1b" not in shown.out
    assert "none of the 2 records can be used" in shown.err


def test_the_most_similar_are_selected_and_the_similarities_serve_again(photos, run, tmp_path, capsys):
    select = ["select", "--source", *columns(photos), "--checkpoint", str(run), "--top"]
    assert prepare.main([*select, "10", "--out", str(tmp_path / "ten")]) == 0
    assert "1 broken records were left out" in capsys.readouterr().out
    kept = (tmp_path / "ten" / "similarities.jsonl").read_bytes()
    values = np.array(json.loads(kept.splitlines()[1])["similarity"], float)
    best = sorted(np.argsort(-np.nan_to_num(values, nan=-2))[:10])
    assert captions(tmp_path / "ten") == [f"number {n}" for n in best] and np.isnan(values[7]) and np.nanstd(values) > 0
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "similarities.jsonl").write_bytes(kept)
    assert prepare.main([*select, "39", "--out", str(tmp_path / "all")]) == 0
    assert "similarities" not in capsys.readouterr().out.replace("similarities.jsonl", "")  # nothing was computed again
    assert (tmp_path / "all" / "similarities.jsonl").read_bytes() == kept and len(captions(tmp_path / "all")) == 39


def test_going_on_with_another_checkpoint_is_refused(photos, run, root, tmp_path, capsys):
    select = ["select", "--source", *columns(photos), "--top", "5", "--out", str(tmp_path / "out"), "--checkpoint"]
    assert prepare.main([*select, str(run)]) == 0
    config, mapping = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")
    state = {"config": mapping, "tokenizer": tokenizer_of(config).to_json()}
    checkpoint.save(tmp_path / "other", 0, initial_weights(config.method, 4), {}, state)
    capsys.readouterr()
    assert prepare.main([*select, str(tmp_path / "other")]) == 2
    assert "made with checkpoint" in capsys.readouterr().err


@pytest.mark.parametrize(
    "source, words",
    [
        (["captions_tabel", "path=x"], "did you mean 'captions_table'"),
        (["captions_table", "pathh=x"], "unknown key 'pathh' in --source: did you mean 'path'"),
        (["coco_captions", "path=x"], "--source.folder is missing"),
        (["captions_table", "x.csv"], "not of the form a.b=value"),
        (["class_folder", "path=nowhere"], "nowhere is no folder"),
    ],
)
def test_a_source_that_is_none_is_one_line(tmp_path, capsys, source, words):
    assert prepare.main(["shards", "--source", *source, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1 and not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["shards", "sample", "select"])
def test_help_shows_an_example(command, capsys):
    with pytest.raises(SystemExit) as caught:
        prepare.main([command, "--help"])
    assert caught.value.code == 0 and f"tandemclip prepare {command} --" in capsys.readouterr().out


def test_zero_shot_on_shards_and_on_a_folder_of_classes(shared, run, tmp_path, capsys):
    """The same photos both ways: what it takes to classify them by hand."""
    data = shared / "data" / "cifar10"
    names = json.loads((data / "classes.json").read_text())
    source = Shards(str(data / "test" / "*.tar"))
    chosen = [index for index in range(0, len(source), 20)]
    for index in chosen:
        record = source[index]
        path = tmp_path / "photos" / names[record.label] / f"{index:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(record.image)
    folder = ["class_folder", f"path={tmp_path}/photos"]
    assert prepare.main(["shards", "--source", *folder, "--out", str(tmp_path / "out")]) == 0
    assert json.loads((tmp_path / "out" / "classes.json").read_text()) == sorted(names) == names
    trained_on = Shards(f"{tmp_path}/out/*.tar", f"{tmp_path}/out/classes.json", ("x {}.",))
    assert trained_on[0].captions == (f"x {names[trained_on[0].label]}.",)  # and not those of the folder
    shards = ["shards", f"paths={tmp_path}/out/*.tar", f"classes={tmp_path}/out/classes.json"]
    found = []
    for words in (folder, shards, [*shards, 'templates=["a {}.", "one {}."]']):
        assert evaluate.main(["--checkpoint", str(run), "--source", *words, "--json", str(tmp_path / "m.json")]) == 0
        found.append(json.loads((tmp_path / "m.json").read_text()))
    model = open_model(run, backends.load("torch"))
    images = model.encode_images([source[index].image for index in chosen])
    labels = np.array([source[index].label for index in chosen])
    for metrics, templates in zip(
        found, (["a photo of a {}."], ["a photo of a {}."], ["a {}.", "one {}."]), strict=True
    ):
        means = [model.encode_texts([template.format(name) for template in templates]).mean(0) for name in names]
        classes = np.stack([mean / np.linalg.norm(mean) for mean in means])
        order = np.argsort(-(images.astype(float) @ classes.astype(float).T), 1, "stable")
        right = order[:, 0] == labels
        expected = {
            "top1": pytest.approx(100 * np.mean(right)),
            "top5": pytest.approx(100 * np.mean((order[:, :5] == labels[:, None]).any(1))),
            "mean_per_class": pytest.approx(100 * np.mean([right[labels == c].mean() for c in np.unique(labels)])),
        }
        assert {name: metrics[name] for name in expected} == expected
    (tmp_path / "none.json").write_text('["airplane", 5]')
    assert evaluate.main(["--checkpoint", str(run), "--source", *shards[:2], f"classes={tmp_path}/none.json"]) == 2
    assert "class 1 is called 5, expected a text" in capsys.readouterr().err


def test_retrieval_on_a_table_and_its_broken_record(photos, run, capsys):
    words = ["--checkpoint", str(run), "--source", *columns(photos)]
    assert evaluate.main(words) == 2
    assert "7.jpg: " in capsys.readouterr().err
    (photos / "7.jpg").unlink()
    assert evaluate.main(words) == 2
    assert "7.jpg: the file cannot be read" in capsys.readouterr().err
    (photos / "7.jpg").write_bytes((photos / "8.jpg").read_bytes())
    assert evaluate.main(words) == 0
    assert "i2t/R@10: " in capsys.readouterr().out
