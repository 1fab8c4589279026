"""What ships is listed whole, with a sentence each."""

import pytest

from tandemclip.core.config import yaml_text
from tandemclip.core.config.catalogue import LISTS, comment, entries, names, preset_lines, sections
from tandemclip.core.config.registry import TYPES
from tandemclip.core.config.shipped import configs, data_sets, suites
from tandemclip.core.towers.presets import PRESETS
from tandemclip.core.training.config import Config, read
from tandemclip.tools import list as list_tool


def test_the_tool_offers_all_lists():
    assert LISTS == list_tool.KINDS


@pytest.mark.parametrize("kind", LISTS)
def test_every_name_has_a_sentence_in_one_line(kind):
    found = entries(kind)
    assert found and all(4 < len(sentence) and "\n" not in sentence for _, sentence in found)
    assert len({name for name, _ in found}) == len(found)


def test_every_type_and_every_config_is_in_a_list():
    listed = {name for kind in LISTS for name, _ in entries(kind)}
    assert {name for kinds in TYPES.values() for name in kinds} <= listed
    assert {*PRESETS, *configs(), *configs(".py"), *data_sets(), *suites()} <= listed


def test_whatever_is_listed_can_be_shown():
    files = [*(configs() | configs(".py")).values(), *data_sets().values(), *suites().values()]
    others = [name for name in names() if not any(path.stem == name for path in files)]
    assert len(others) > 30
    for name in others:
        found = [preset_lines(name)] if name in PRESETS else sections(name, Config)
        assert found and all(len(lines) > 1 for lines in found), name


def test_a_model_has_its_fields_and_parameters():
    text = "\n".join(preset_lines("ViT-B/32"))
    assert "87,849,216 parameters" in text  # CLIP's visual tower
    assert "  type: vit\n" in text and "\n  layers: 12\n" in text and "\n  leff_depth: 0  (default)" in text


def test_a_section_has_its_keys_bounds_and_meaning():
    (lines,) = sections("adamw", Config)
    text = "\n".join(lines)
    assert (
        lines[0].startswith("training.update, type: adamw: ")
        and "\n  decay: a number, 0 or more; default 0.2\n" in text
    )
    (training,) = sections("training", Config)
    assert any(line.startswith("  batch_size: a whole number, 2 or more; needed") for line in training)
    assert not sections("nothing", Config)


def test_the_comment_at_the_head_of_a_config(root):
    assert comment(root / "configs/pretrain/scenes_clip.yaml").startswith("CLIP on the built-in scenes: ")
    assert comment(root / "configs/detection/scenes_mask_rcnn.py").startswith("Mask R-CNN on the built-in scenes")


@pytest.mark.parametrize("path", configs().values(), ids=lambda path: path.stem)
def test_what_is_written_is_read_as_the_same(path):
    mapping = read(path)[1]
    written = yaml_text.text(mapping)
    assert yaml_text.parse(written, "it") == mapping and "&" not in written


@pytest.mark.parametrize(
    "value", ["1e3", "1", "on", "no", "null", "~", "0x1f", "08", "12:30", "a: b", "#x", "", "é", ".5"]
)
def test_text_stays_text(value):
    assert yaml_text.parse(yaml_text.text({"a": value, "b": [value]}), "it") == {"a": value, "b": [value]}
