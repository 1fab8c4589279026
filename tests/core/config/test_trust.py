"""Whose classes a checkpoint may have imported: those of the registry, unless a person says that it is trusted."""

import sys

import pytest

import tandemclip
from tandemclip.core.config.build import build
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.fitting import Fitting
from tandemclip.core.evaluation.protocols.linear_probe import LinearProbe
from tandemclip.core.evaluation.protocols.one_by_one import OneByOne
from tandemclip.core.methods.method import Method
from tandemclip.core.spec import initial_weights
from tandemclip.core.training import checkpoint
from tandemclip.core.training.config import read
from tandemclip.core.training.evaluation import Evaluation
from tandemclip.core.training.start import tokenizer_of
from tandemclip.tools import evaluate, prepare, train

FOREIGN = """
from pathlib import Path
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.methods.clip import CLIP

Path({mark!r}).touch()


class Own(CLIP):
    pass


class OwnScenes(Scenes):
    pass
"""


@pytest.fixture
def mark(tmp_path, monkeypatch):
    """The file that the module `foreign` writes when it is imported."""
    path = tmp_path / "imported"
    (tmp_path / "foreign.py").write_text(FOREIGN.format(mark=str(path)))
    monkeypatch.syspath_prepend(tmp_path)
    yield path
    sys.modules.pop("foreign", None)


def saved(root, folder, method=None, evaluation=None):
    """A checkpoint whose configuration names these classes."""
    config, mapping = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml", {"data": {"evaluate": {"count": 9}}})
    mapping = mapping | {"method": mapping["method"] | ({"type": method} if method else {})}
    if evaluation:
        mapping = mapping | {"data": mapping["data"] | {"evaluate": evaluation}}
    state = {"config": mapping, "tokenizer": tokenizer_of(config).to_json()}
    checkpoint.save(folder, 0, initial_weights(config.method, 3), {}, state)
    return str(folder)


def test_loading_imports_nothing_unless_it_is_said(root, tmp_path, mark):
    run = saved(root, tmp_path / "run", method="foreign:Own")
    with pytest.raises(UserError, match="method.type of the checkpoint names foreign:Own.*trust=True") as told:
        tandemclip.load(run)
    assert "\n" not in str(told.value) and not mark.exists()
    assert type(tandemclip.load(run, trust=True).method).__name__ == "Own" and mark.exists()


@pytest.mark.parametrize("tool", ["evaluate", "select", "objects"])
def test_tools_want_to_be_told(root, tmp_path, mark, capsys, tool):
    run = saved(root, tmp_path / "run", method="foreign:Own")
    source = ["--source", "scenes", "size=32", "count=4"]
    out = ["--out", str(tmp_path / "out")]
    main, given = {
        "evaluate": (evaluate.main, ["--checkpoint", run, *source]),
        "select": (prepare.main, ["select", "--checkpoint", run, "--top", "2", *source, *out]),
        "objects": (prepare.main, ["objects", "--encoder", run, "--in", str(tmp_path / "x.tar"), *out]),
    }[tool]
    assert main(given) == 2 and "foreign:Own" in capsys.readouterr().err and not mark.exists()
    main([*given, "--trust"])
    assert mark.exists()


def test_an_evaluation_is_imported_only_where_it_is_asked_for(root, tmp_path, mark, capsys):
    run = saved(root, tmp_path / "run", evaluation={"type": "foreign:OwnScenes", "size": 32, "count": 9})
    tandemclip.load(run)
    assert evaluate.main(["--checkpoint", run, "--source", "scenes", "size=32", "count=4"]) == 0
    assert evaluate.main(["--checkpoint", run]) == 2 and "foreign:OwnScenes" in capsys.readouterr().err
    assert not mark.exists()
    assert evaluate.main(["--checkpoint", run, "--trust"]) == 0 and mark.exists()


def test_weights_to_begin_with_import_nothing(root, tmp_path, mark):
    run = saved(root, tmp_path / "run", method="foreign:Own")
    config = str(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")
    given = ["--config", config, "--out", str(tmp_path / "new"), "--max-steps", "1"]
    assert train.main([*given, "--init", run]) == 0 and not mark.exists()


def test_a_configuration_of_one_s_own_is_trusted_and_so_is_its_run(root, tmp_path, mark):
    config = str(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")
    given = ["--config", config, "--out", str(tmp_path / "run"), "--resume", "--set", "method.type=foreign:Own"]
    given += ["data.train.count=16", "data.evaluate=null"]
    assert train.main([*given, "--max-steps", "1"]) == 0 and mark.exists()
    assert train.main([*given, "--max-steps", "2"]) == 0


@pytest.mark.parametrize(
    "base, mapping",
    [
        (Source, {"type": "tandemclip.core.config.build:types.SimpleNamespace"}),
        (Source, {"type": "tandemclip.core.training.checkpoint:shutil"}),
        (Source, {"type": "tandemclip.core.training.checkpoint:Path"}),  # a class that lies elsewhere
        (Source, {"type": "tandemclip.core.training.journal:Journal"}),  # ours, and no source
        (Source, {"type": "tandemclip.core.methods.clip:CLIP"}),
        (Source, {"type": "tandemclip.tests.conftest:Source"}),
        (Source, {"type": "tandemclip.foreign:OwnScenes"}),
        (Source, {"type": "tandemclip.:os.system"}),
        (Source, {"type": "tandemclipx.core:Scenes"}),
        (Source, {"type": ":Scenes"}),
        (Source, "foreign:OwnScenes"),
        (Source, {"type": "first", "count": 3, "source": {"type": "foreign:OwnScenes"}}),
        (Source, {"type": "together", "sources": [{"type": "scenes"}, {"type": "foreign:OwnScenes"}]}),
        (Evaluation, {"type": "foreign:OwnScenes"}),
        (Evaluation, {"type": "one_by_one", "names": ["a"], "sources": [{"type": "foreign:OwnScenes"}]}),
        (Evaluation, {"type": "linear_probe", "learn": {"type": "scenes"}, "source": "foreign:OwnScenes"}),
        (Method, {"type": "clip", "image": "foreign:OwnScenes", "text": "CLIP-text-512"}),
    ],
)
def test_no_other_name_gets_through(mark, base, mapping):
    with pytest.raises(UserError, match="of the checkpoint names .*, which is no class of TandemCLIP's own"):
        build(base, mapping, "here", trust=False)
    assert not mark.exists()


@pytest.mark.parametrize("place", ["scenes", "data.scenes", "data.scenes.scenes"])
def test_our_own_classes_are_known_by_their_paths_of_any_time(place):
    name = place if place == "scenes" else f"tandemclip.core.{place}:Scenes"
    assert build(Source, {"type": name, "count": 3}, "here", trust=False) == Scenes(count=3)


@pytest.mark.parametrize("room", ["data", "data.sources", "evaluation.protocols"])
def test_protocols_that_were_sources_are_found(room):
    probe = {
        "type": f"tandemclip.core.{room}.linear_probe:LinearProbe",
        "learn": "scenes",
        "source": {"type": "scenes"},
    }
    several = {"type": f"tandemclip.core.{room}.one_by_one:OneByOne", "names": ["a", "b"], "sources": [probe, "scenes"]}
    found = build(Evaluation, several, "data.evaluate", trust=False)
    assert found == OneByOne((LinearProbe(Scenes(), Scenes()), Fitting(Scenes())), ("a", "b"))


def test_a_source_stands_for_the_protocol_that_fits_it():
    assert build(Evaluation, {"type": "scenes"}) == Fitting(Scenes()) and build(Source, {"type": "scenes"}) == Scenes()
    with pytest.raises(UserError, match="unknown value 'scene' in data.evaluate.type: did you mean 'scenes'"):
        build(Evaluation, {"type": "scene"}, "data.evaluate")
    with pytest.raises(UserError, match="unknown value 'linear_probe' in data.train.type"):
        build(Source, {"type": "linear_probe"}, "data.train")
