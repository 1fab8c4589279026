"""What a run reads beside its configuration stays the same: a WordNet, from the start of a run to its last --resume."""

import shutil

import numpy as np
import pytest

from tandemclip.core.data.views.image import ImageView
from tandemclip.core.data.views.masked import MaskedTextView
from tandemclip.core.data.views.text import TextView, WordEdit
from tandemclip.core.data.views.wordnet import WordNet
from tandemclip.core.methods.method import Method
from tandemclip.core.training import checkpoint, journal
from tandemclip.core.training.identity import of_views
from tandemclip.tests.core.data.views.small_wordnet import SENSES, write
from tandemclip.tools import evaluate, prepare, train

LIGHTCLIP = ("method.type=lightclip", "method.weights={token: 0, mlm: 0}")
RED = SENSES | {"adj": [["red", "blue", "green"], ["small", "large"]]}  # words of the captions of `scenes`


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The folder of a WordNet; no other one is found."""
    monkeypatch.setenv("WNSEARCHDIR", str(tmp_path / "nowhere"))
    return write(tmp_path / "small", senses=RED)


@pytest.fixture
def run(root, tmp_path):
    """run(*overrides, out, more): the exit code of `tools/train.py` on LightCLIP's contrast alone."""

    def run(*overrides, out="run", more=()):
        config = root / "configs" / "pretrain" / "tiny_clip_vit.yaml"
        short = ["data.evaluate=null", "data.train.count=40", "training.batch_size=4", "training.steps=6"]
        command = ["--config", config, "--out", tmp_path / out, *more, "--set", *short, *LIGHTCLIP, *overrides]
        return train.main([str(each) for each in command])

    return run


def edit(folder):
    return f"method.edit.wordnet={folder}"


def newest(folder):
    return checkpoint.load(checkpoint.latest(folder))


def test_a_checkpoint_has_the_hash_of_what_the_run_reads(run, small, tmp_path):
    assert run(edit(small), more=("--max-steps", 1)) == 0
    wanted = {"text.wordnet": {"sha256": WordNet(small).hash(), "place": str(small)}}
    found = newest(tmp_path / "run").state["identity"]
    assert {name: each for name, each in found.items() if name.startswith("text.")} == wanted
    assert run(out="plain", more=("--max-steps", 1)) == 0  # with no WordNet in reach
    assert newest(tmp_path / "plain").state["identity"] == {n: each for n, each in found.items() if n not in wanted}


@pytest.mark.parametrize("changed", ["data.adv", "index.noun", "verb.exc"])
def test_another_wordnet_is_refused(run, small, tmp_path, capsys, changed):
    assert run(edit(small), more=("--max-steps", 1)) == 0
    other = write(tmp_path / "other", senses=RED)
    (other / changed).write_text((other / changed).read_text() + " ")
    capsys.readouterr()
    assert run(edit(other), more=("--resume",)) == 2
    told = capsys.readouterr().err
    one, another = WordNet(small).hash()[:12], WordNet(other).hash()[:12]
    assert f"text.wordnet is another one here (SHA-256 {another}, {other}) than in {tmp_path / 'run'}" in told
    assert f"(SHA-256 {one}, {small})" in told and "--init" in told and told.count("\n") == 1 and one != another
    assert newest(tmp_path / "run").step == 1 == len(journal.read(tmp_path / "run"))
    init = ("--init", tmp_path / "run", "--max-steps", 1)  # as the message says
    assert run(edit(other), out="new", more=init) == 0


def test_equal_files_elsewhere_go_on_as_if_nothing_had_happened(run, small, tmp_path, capsys):
    assert run(edit(small), out="whole", more=("--max-steps", 4)) == 0
    assert run(edit(small), more=("--max-steps", 2)) == 0
    moved = shutil.move(small, tmp_path / "moved")
    capsys.readouterr()
    assert run(edit(moved), more=("--resume", "--max-steps", 4)) == 0
    assert "text.wordnet" not in capsys.readouterr().out
    whole, parts = newest(tmp_path / "whole"), newest(tmp_path / "run")
    assert all(np.array_equal(array, parts.model[name]) for name, array in whole.model.items())
    assert parts.state["config"]["method"]["edit"] == {"wordnet": str(moved)}
    assert parts.state["identity"]["text.wordnet"]["place"] == str(moved)


def test_where_the_environment_says_counts_too(run, small, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("WNSEARCHDIR", str(small))
    assert run("method.edit={}", more=("--max-steps", 1)) == 0
    assert run(edit(small), more=("--resume", "--max-steps", 2)) == 0  # a name instead of the environment's
    monkeypatch.setenv("WNSEARCHDIR", str(write(tmp_path / "other")))
    assert run("method.edit.wordnet=null", more=("--resume",)) == 2
    assert f"{tmp_path / 'other'}) than in" in capsys.readouterr().err


def test_a_checkpoint_without_a_hash_goes_on_with_one_sentence(run, small, tmp_path, capsys):
    assert run(edit(small), more=("--max-steps", 1)) == 0
    saved = newest(tmp_path / "run")
    state = {key: value for key, value in saved.state.items() if key != "identity"}
    checkpoint.save(tmp_path / "run", 1, saved.model, saved.optimizer, state)
    capsys.readouterr()
    assert run(edit(small), more=("--resume", "--max-steps", 2)) == 0
    told = capsys.readouterr().out
    sentence = f"{saved.folder} does not say which data.tokenizer, data.train, text.wordnet (SHA-256 "
    assert told.count(sentence) == 1 == told.count("does not say") and str(small) in told
    assert newest(tmp_path / "run").state["identity"] == saved.state["identity"]
    assert run(edit(small), more=("--resume", "--max-steps", 3)) == 0
    assert "does not say" not in capsys.readouterr().out


def test_what_nothing_reads_any_more_is_told(run, tmp_path, capsys):
    """A view of one's own whose code has changed."""
    assert run(more=("--max-steps", 1)) == 0
    saved = newest(tmp_path / "run")
    identity = {"codes.table": {"sha256": "ab" * 32, "place": "codes.bin"}}
    checkpoint.save(tmp_path / "run", 1, saved.model, saved.optimizer, saved.state | {"identity": identity})
    assert run(more=("--resume", "--max-steps", 2)) == 0
    told = capsys.readouterr().out
    assert "codes.table (SHA-256 abababababab, codes.bin), which nothing reads any more" in told


def test_each_view_says_what_it_reads(small, tmp_path):
    """Two views with a WordNet each; a masked text is a text."""
    other = write(tmp_path / "other")
    views = {
        "text": TextView("caption", edit=WordEdit(str(small))),
        "again": MaskedTextView("caption", edit=WordEdit(str(other))),
        "plain": TextView("caption"),
        "image": ImageView(8),
    }

    class Twice(Method):
        def views(self):
            return views

    found = of_views(Twice())
    assert {name: each.place for name, each in found.items()} == {
        "text.wordnet": str(small),
        "again.wordnet": str(other),
    }


@pytest.mark.parametrize("workers", [0, 1])
def test_a_missing_wordnet_is_told_before_anything_is_done(run, small, tmp_path, capsys, workers):
    nowhere = tmp_path / "nowhere"
    assert run("method.edit={}", f"data.workers={workers}") == 2
    out, told = capsys.readouterr()
    assert f"no WordNet in {nowhere}, " in told and "apt-get install" in told and told.count("\n") == 1 and not out
    assert not (tmp_path / "run").exists()
    assert run(edit(small), more=("--max-steps", 1)) == 0
    shutil.rmtree(small)
    capsys.readouterr()
    assert run(f"data.workers={workers}", more=("--resume",)) == 2
    out, told = capsys.readouterr()
    assert f"no WordNet in {small}, " in told and told.count("\n") == 1 and not out


def test_nothing_else_needs_it(root, run, small, tmp_path):
    """The data can be checked, and the model measured, where no text is edited."""
    assert run(edit(small), more=("--max-steps", 1)) == 0
    shutil.rmtree(small)
    given = ["--config", root / "configs" / "pretrain" / "tiny_clip_vit.yaml", "--out", tmp_path / "check"]
    given += ["--set", *LIGHTCLIP, "method.edit={}", "data.train.count=10"]
    assert prepare.main(["check", *map(str, given)]) == 0
    source = ["--source", "scenes", "size=32", "count=8", "roi_dim=12", "digits=1"]
    assert evaluate.main(["--checkpoint", str(tmp_path / "run"), *source]) == 0
