"""A run goes on with the data and the classes that it began with, or says what has changed."""

import json
import shutil

import cv2
import numpy as np
import pytest

from tandemclip.core.training import checkpoint, journal
from tandemclip.tools import evaluate, train

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven")


def draw(place, value):
    place.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(place), np.random.default_rng(value).integers(0, 255, (32, 32, 3), np.uint8))


def table(folder, count=8):
    """count pictures with their captions, in the order of the table; the path of the table."""
    for number in range(8):
        draw(folder / f"{number}.png", number)
    rows = [f"{n}.png,a red {WORDS[n]}" for n in range(count)]
    (folder / "t.csv").write_text("\n".join(["path,caption", *rows]) + "\n")
    return folder / "t.csv"


def newest(folder):
    return checkpoint.load(checkpoint.latest(folder))


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def run(root, tmp_path):
    """run(*overrides, more): the exit code of tools/train.py on a table, 6 steps."""

    def run(*overrides, out="run", more=()):
        config = root / "configs" / "pretrain" / "tiny_clip_vit.yaml"
        short = ["data.evaluate=null", "training.batch_size=4", "training.steps=6", "training.warmup=1"]
        command = ["--config", config, "--out", tmp_path / out, *more, "--set", *short, *overrides]
        return train.main([str(each) for each in command])

    return run


def of_table(path):
    return f"data.train={{type: captions_table, path: {path}}}"


def test_other_data_stop_and_nothing_is_overwritten(run, tmp_path, capsys):
    """The case of the public report: rows are gone and the order is another one."""
    path = table(tmp_path / "data")
    assert run(of_table(path), more=("--max-steps", 2)) == 0
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, *rows[4::-1]]) + "\n")
    before = contents(tmp_path / "run")
    capsys.readouterr()
    assert run(of_table(path), more=("--resume",)) == 2
    out, told = capsys.readouterr()
    assert (
        told.startswith("error: the data are others than those that ") and str(newest(tmp_path / "run").folder) in told
    )
    assert "data.train.names: 8 records then and 5 now; " in told and "data.train.table: " in told
    assert "--accept-data-change" in told and told.count("\n") == 1 and "step" not in out
    assert contents(tmp_path / "run") == before


def test_accepted_data_are_said_and_written_down(run, tmp_path, capsys):
    path = table(tmp_path / "data")
    assert run(of_table(path), more=("--max-steps", 2)) == 0
    table(tmp_path / "data", count=7)
    capsys.readouterr()
    accept = ("--resume", "--accept-data-change")
    assert run(of_table(path), more=(*accept, "--max-steps", 2)) == 0  # the state is written though no step is made
    told = capsys.readouterr().out
    assert "--accept" not in told.split("go on with: ")[1]  # the next change is told again
    assert told.count("from step 2 on with other data, as accepted: data.train.names: 8 records then and 7 now; ") == 1
    state = newest(tmp_path / "run").state
    assert state["identity"]["data.train.names"]["count"] == 7 and state["changes"][0]["step"] == 2
    assert state["changes"][0]["changed"][0].startswith("data.train.names: 8 ")
    assert run(of_table(path), more=("--resume", "--max-steps", 4)) == 0  # they are the run's own now
    assert run(of_table(path), more=accept) == 0
    assert "as accepted" not in capsys.readouterr().out and newest(tmp_path / "run").step == 6
    assert len(newest(tmp_path / "run").state["changes"]) == 1 and len(journal.read(tmp_path / "run")) == 6


def test_equal_data_elsewhere_go_on_bit_by_bit(run, tmp_path, capsys):
    path = table(tmp_path / "data")
    assert run(of_table(path), out="whole") == 0
    assert run(of_table(path), more=("--max-steps", 3)) == 0
    moved = shutil.move(tmp_path / "data", tmp_path / "another disk")
    assert run(of_table(path), more=("--resume",)) == 2
    assert f"captions_table: {tmp_path / 'data'} is no folder" in capsys.readouterr().err
    assert run(of_table(f"'{moved}/t.csv'"), more=("--resume",)) == 0
    whole, parts = newest(tmp_path / "whole"), newest(tmp_path / "run")
    assert all(np.array_equal(array, parts.model[name]) for name, array in whole.model.items())
    assert parts.state["identity"]["data.train.table"]["place"] == f"{moved}/t.csv"
    assert parts.state["config"]["data"]["train"]["path"] == f"{moved}/t.csv"


def test_each_part_of_several_sources_is_named_and_may_move(run, tmp_path, capsys):
    one, other = table(tmp_path / "one"), table(tmp_path / "other")
    part = "{{type: captions_table, path: {}}}"
    several = f"data.train={{{{type: together, sources: [{part}, {part}]}}}}"
    assert run(several.format(one, other), more=("--max-steps", 2)) == 0
    moved = shutil.move(tmp_path / "one", tmp_path / "moved") / "t.csv"
    assert run(several.format(moved, other), more=("--resume", "--max-steps", 3)) == 0
    draw(tmp_path / "other" / "3.png", 3)
    cv2.imwrite(str(tmp_path / "other" / "3.png"), np.zeros((9, 9, 3), np.uint8))
    capsys.readouterr()
    assert run(several.format(moved, other), more=("--resume",)) == 2
    told = capsys.readouterr().err
    assert "data.train.sources.1.sizes: 8 sizes of files then and now, but others" in told and "sources.0" not in told


def test_other_kinds_and_parameters_of_a_source_are_still_refused(run, tmp_path, capsys):
    path = table(tmp_path / "data")
    assert run(of_table(path), more=("--max-steps", 2)) == 0
    for train_on in (f"{{type: captions_table, path: {path}, caption_column: path}}", "{type: scenes, size: 32}"):
        assert run(f"data.train={train_on}", more=("--resume", "--accept-data-change")) == 2
        assert "which --resume goes on from; give the same config" in capsys.readouterr().err


def test_data_of_the_evaluation_are_the_same_too(run, tmp_path, capsys):
    path = table(tmp_path / "data")
    asked = f"data.evaluate={{type: captions_table, path: {table(tmp_path / 'held')}}}"
    assert run(of_table(path), asked, more=("--max-steps", 2)) == 0
    table(tmp_path / "held", count=6)
    assert run(of_table(path), asked, more=("--resume",)) == 2
    assert "data.evaluate.source.names: 8 records then and 6 now" in capsys.readouterr().err


def test_a_checkpoint_that_does_not_know_goes_on_with_one_sentence(run, tmp_path, capsys):
    path = table(tmp_path / "data")
    assert run(of_table(path), more=("--max-steps", 2)) == 0
    saved = newest(tmp_path / "run")
    state = {key: value for key, value in saved.state.items() if key != "identity"}
    checkpoint.save(tmp_path / "run", 2, saved.model, saved.optimizer, state)
    table(tmp_path / "data", count=7)
    assert run(of_table(path), more=("--resume", "--max-steps", 3)) == 0
    told = capsys.readouterr().out
    assert (
        told.count("does not say which data.tokenizer, data.train it was made with") == 1 == told.count("does not say")
    )
    table(tmp_path / "data", count=6)
    assert run(of_table(path), more=("--resume",)) == 2  # from there on it knows


def test_another_vocabulary_is_refused_whatever_is_accepted(run, tmp_path, capsys):
    path, file = table(tmp_path / "data"), tmp_path / "words.json"
    assert run(of_table(path), out="first", more=("--max-steps", 1)) == 0
    file.write_text(newest(tmp_path / "first").state["tokenizer"])
    named = f"data.tokenizer.file={file}"
    assert run(of_table(path), named, more=("--max-steps", 2)) == 0
    words = json.loads(file.read_text())
    vocabulary = words["tokenizer"]["model"]["vocab"]
    vocabulary["red"], vocabulary["a"] = vocabulary["a"], vocabulary["red"]
    elsewhere = tmp_path / "moved.json"
    shutil.copy(file, elsewhere)
    file.write_text(json.dumps(words))
    capsys.readouterr()
    assert run(of_table(path), named, more=("--resume", "--accept-data-change")) == 2
    assert "data.tokenizer is another one here (SHA-256 " in capsys.readouterr().err
    assert run(of_table(path), f"data.tokenizer.file={elsewhere}", more=("--resume", "--max-steps", 3)) == 0


def test_the_flag_alone_is_refused(run, capsys):
    assert run(more=("--accept-data-change",)) == 2
    assert "--accept-data-change says how --resume may go on; give both" in capsys.readouterr().err


# ------------------------------------------------------------------ classes
def folder(place, names, value=0):
    for number, name in enumerate(names):
        for copy in range(2):
            draw(place / name / f"{copy}.png", value + 10 * number + copy)
    return place


@pytest.fixture
def classify(root, tmp_path):
    """classify(train on, evaluate on, *overrides, more): by three classes of one's own."""

    def classify(learn, asked, *overrides, out="run", more=()):
        config = root / "configs" / "pretrain" / "tiny_cross_entropy_resnet.yaml"
        asked = asked if isinstance(asked, str) else f"{{type: class_folder, path: {asked}}}"
        given = [f"data.train={{type: class_folder, path: {learn}}}", f"data.evaluate={asked}"]
        short = ["method.image.embed_dim=3", "training.batch_size=2", "training.steps=40", "training.warmup=1"]
        command = ["--config", config, "--out", tmp_path / out, *more, "--set", *short, *given, *overrides]
        return train.main([str(each) for each in command])

    return classify


def metrics(file):
    return json.loads(file.read_text())


def test_classes_are_compared_by_name(classify, tmp_path, capsys):
    """Held out are two of three classes, so that "cow" is number 0 there and 1 in training: the same pictures have to
    come out as they do under their full list."""
    learn = folder(tmp_path / "learn", ("ant", "cow", "dog"))
    few = tmp_path / "few"
    for name in ("cow", "dog"):
        shutil.copytree(learn / name, few / name)
    assert classify(learn, few, "training.batch_size=6", "training.steps=60", "training.learning_rate=1e-2") == 0
    (few / "ant").mkdir()  # empty: all have the same numbers now
    assert evaluate.main(["--checkpoint", str(tmp_path / "run"), "--json", str(tmp_path / "full.json"), "--source",
                          "class_folder", f"path={few}"]) == 0  # fmt: skip
    by_name, by_number = metrics(tmp_path / "run" / "metrics.json"), metrics(tmp_path / "full.json")
    assert by_name["top1"] == by_number["top1"] > 50 and by_name["mean_per_class"] == by_number["mean_per_class"]
    assert by_name["remarks"] == [] and by_name["chance"]["top1"] == pytest.approx(100 / 3)
    assert newest(tmp_path / "run").state["class_names"] == ["ant", "cow", "dog"]


def test_a_class_that_was_not_learned_is_told_before_anything_is_trained(classify, tmp_path, capsys):
    learn, asked = folder(tmp_path / "learn", ("ant", "cow", "dog")), folder(tmp_path / "asked", ("cow", "Dog"))
    assert classify(learn, asked) == 2
    told = capsys.readouterr().err
    assert "1 of 2 classes are none of the 3 that were learned, the first is 'Dog'; learned were 'ant', 'cow'" in told
    assert not (tmp_path / "run").exists()
    nested = f"{{type: one_by_one, names: [x], sources: [{{type: class_folder, path: {asked}}}]}}"
    assert classify(learn, nested) == 2
    assert "the first is 'Dog'" in capsys.readouterr().err and not (tmp_path / "run").exists()


def test_a_checkpoint_without_names_is_compared_by_number_and_says_so(classify, tmp_path, capsys):
    learn = folder(tmp_path / "learn", ("ant", "cow", "dog"))
    assert classify(learn, learn, more=("--max-steps", 1)) == 0
    saved = newest(tmp_path / "run")
    state = {key: value for key, value in saved.state.items() if key != "class_names"}
    checkpoint.save(tmp_path / "old", 1, saved.model, saved.optimizer, state)
    for run, told in (("run", 0), ("old", 1)):
        capsys.readouterr()
        assert evaluate.main(["--checkpoint", str(tmp_path / run)]) == 0
        assert capsys.readouterr().out.count("remark: classes are compared by their number, as ") == told


def test_a_head_of_other_classes_is_not_taken_over(classify, tmp_path, capsys):
    learn, other = folder(tmp_path / "learn", ("ant", "cow", "dog")), folder(tmp_path / "other", ("ant", "cat", "dog"))
    assert classify(learn, learn, more=("--max-steps", 1)) == 0
    init = ("--init", tmp_path / "run", "--max-steps", 1)
    assert classify(other, other, out="new", more=init) == 2
    told = capsys.readouterr().err
    assert "other constants: classes is \"class 1 is 'cow'\" there and \"class 1 is 'cat'\" here" in told
    assert classify(other, other, "init.accept=[classes]", out="accepted", more=init) == 0
    assert "different, as accepted: 1 (classes)" in capsys.readouterr().out
    body = 'init.parts=["image.*", "!image.projection.*"]'
    assert classify(other, other, body, out="body", more=init) == 0  # a head of its own
    told = capsys.readouterr().out
    assert "accepted" not in told and "not compared" not in told
    assert classify(learn, learn, out="same", more=init) == 0


def test_other_classes_are_refused_on_resume_whatever_is_accepted(classify, tmp_path, capsys):
    learn = folder(tmp_path / "learn", ("ant", "cow", "dog"))
    assert classify(learn, learn, more=("--max-steps", 1)) == 0
    (learn / "cow").rename(learn / "elk")
    assert classify(learn, learn, more=("--resume",)) == 2
    assert "data.train.classes: 3 classes then and now, but others" in capsys.readouterr().err
    assert classify(learn, learn, more=("--resume", "--accept-data-change")) == 2
    assert "learned by their number: class 1 is 'cow' there, and class 1 is 'dog' here" in capsys.readouterr().err
