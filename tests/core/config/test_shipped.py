"""Configurations that ship are found by their names."""

from pathlib import Path

import pytest

from tandemclip.core.config import shipped
from tandemclip.core.errors import UserError


def test_every_config_is_found_by_its_name_and_by_its_folder(root):
    files, evaluate = {*(root / "configs").rglob("*.yaml")}, root / "configs" / "evaluate"
    sets, suites = {*(evaluate / "sets").glob("*.yaml")}, {*evaluate.glob("*.yaml")}
    assert {*shipped.configs().values()} == files - sets - suites and len(shipped.configs()) > 100
    assert {*shipped.data_sets().values()} == sets and {*shipped.suites().values()} == suites
    for path in shipped.configs().values():
        assert shipped.config(path.stem) == shipped.config(f"{path.parent.name}/{path.name}") == path


def test_detectors_are_found_and_their_parts_are_not(root):
    assert shipped.detector("scenes_mask_rcnn") == root / "configs" / "detection" / "scenes_mask_rcnn.py"
    with pytest.raises(UserError):
        shipped.detector("small_mask_rcnn")
    with pytest.raises(UserError):
        shipped.config("scenes_mask_rcnn")


def test_data_sets_and_suites_are_found_and_are_no_configs():
    for names, found in ((shipped.data_sets(), shipped.data_set), (shipped.suites(), shipped.suite)):
        assert names and all(found(name) == found(f"{name}.yaml") == path for name, path in names.items())
        with pytest.raises(UserError, match="is neither a file nor the name of one that ships"):
            shipped.config(next(iter(names)))
    with pytest.raises(UserError, match="the data set flickr8k_deev is .*: did you mean flickr8k_dev?"):
        shipped.data_set("flickr8k_deev")
    with pytest.raises(UserError, match="the suite zzz is .*: tandemclip list suites has their names"):
        shipped.suite("zzz")


def test_a_file_of_ones_own_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("scenes_clip").mkdir()  # a run's folder is no file
    assert shipped.config("scenes_clip").parent.name == "pretrain"
    Path("tiny_clip_vit").write_text("")
    assert shipped.config("tiny_clip_vit") == Path("tiny_clip_vit")


def test_a_name_in_two_folders_is_told(tmp_path, monkeypatch):
    for name in ("a/one.yaml", "b/one.yaml", "b/two.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    with pytest.raises(UserError, match="one is the name of 2 configs that ship: give one of a/one, b/one"):
        shipped.config("one")
    assert shipped.config("b/one") == tmp_path / "b" / "one.yaml"


@pytest.mark.parametrize(
    "given, hint",
    [
        ("scenes_cilp", "did you mean scenes_clip"),
        ("configs/pretrain/tiny_clip_vitt.yaml", "did you mean tiny_clip_vit"),
        ("SCENES_CLIP", "did you mean scenes_clip"),
        ("Tiny_Clip_Vit", "did you mean tiny_clip_vit[?]"),
        ("zzz", "tandemclip list configs"),
        (".", "tandemclip list configs"),
        ("", "tandemclip list configs"),
        ("clip/scenes_clip", "did you mean scenes_clip"),
        ("enes_clip", "did you mean scenes_clip"),
    ],
)
def test_what_is_neither_is_answered(given, hint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=hint):
        shipped.config(given)
