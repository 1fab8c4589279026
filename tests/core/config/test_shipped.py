"""Configurations that ship are found by their names."""

from pathlib import Path

import pytest

from tandemclip.core.config import shipped
from tandemclip.core.errors import UserError


def test_every_config_is_found_by_its_name_and_by_its_folder(root):
    files = {*(root / "configs").rglob("*.yaml")}
    assert {*shipped.configs().values()} == files and len(files) > 100
    for path in files:
        assert shipped.config(path.stem) == shipped.config(f"{path.parent.name}/{path.name}") == path


def test_detectors_are_found_and_their_parts_are_not(root):
    assert shipped.detector("scenes_mask_rcnn") == root / "configs" / "detection" / "scenes_mask_rcnn.py"
    with pytest.raises(UserError):
        shipped.detector("small_mask_rcnn")
    with pytest.raises(UserError):
        shipped.config("scenes_mask_rcnn")


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
