"""What a resumed run takes from its checkpoint, from the config's file and from --set."""

import pytest

from tandemclip.core.config.yaml_text import merge
from tandemclip.core.errors import UserError
from tandemclip.core.training.changes import resumption
from tandemclip.core.training.config import read

SAVED = {
    "method": {"type": "clip"},
    "data": {"workers": 1},
    "training": {"steps": 200, "learning_rate": 1e-3, "batch_size": 8},
}


def resumed(overrides=None, file=SAVED, saved=SAVED):
    overrides = {"training": overrides or {}}
    return resumption(saved, merge(file, overrides), overrides, "step-4")


def test_the_same_changes_nothing():
    found = resumed()
    assert found.mapping == SAVED and not found.changed and not found.passed_over
    assert resumed({"steps": 200}) == found  # said again


def test_a_set_changes_the_length():
    found = resumed({"steps": 8})
    assert found.mapping["training"] == SAVED["training"] | {"steps": 8}
    assert found.changed == ["training.steps 200 -> 8"] and not found.passed_over


def test_epochs_take_the_place_of_steps():
    """Both, or neither, would be no configuration; the other one goes."""
    by_epochs = {**SAVED, "training": {"epochs": 2, "learning_rate": 1e-3, "batch_size": 8}}
    found = resumed({"epochs": 3}, file=by_epochs)
    assert found.mapping["training"] == by_epochs["training"] | {"epochs": 3}
    assert found.changed == ["training.steps 200 -> None", "training.epochs None -> 3"]
    kept = resumed(file=by_epochs)  # --minutes had fixed the steps
    assert kept.mapping == SAVED and not kept.changed
    assert kept.passed_over[0].startswith("training.epochs is 2 in the config and None in step-4")


@pytest.mark.parametrize("key, value, old", [("learning_rate", 1e-4, 1e-3), ("precision", "bf16", "fp32")])
def test_the_file_alone_changes_nothing_of_these(key, value, old):
    edited = merge(SAVED, {"training": {key: value}})
    found = resumed(file=edited)
    assert found.mapping == SAVED and not found.changed
    assert found.passed_over == [
        f"training.{key} is {value} in the config and {old} in step-4, which the run goes on with; "
        f"--set training.{key}={value} would change it"
    ]
    found = resumed({key: value}, file=edited)
    assert found.mapping == edited and found.changed == [f"training.{key} {old} -> {value}"] and not found.passed_over


def test_a_default_that_is_written_out_is_no_change():
    found = resumed(file=merge(SAVED, {"training": {"precision": "fp32", "epochs": None}}))
    assert not found.changed and not found.passed_over


@pytest.mark.parametrize("written", [
    {"training": {"seed": 0}}, {"training": {"update": "adamw"}},
    {"training": {"update": {"type": "adamw", "eps": 1e-6}}},
    {"data": {"tokenizer": {"level": "word"}}, "method": {"image": {"eps": 1e-5}}, "training": {"clip": None}},
])  # fmt: skip
def test_a_default_of_any_key_that_is_written_out_is_no_change(root, written):
    saved = read(root / "configs/pretrain/tiny_clip_vit.yaml")[1]
    assert resumed(file=merge(saved, written), saved=saved).mapping == merge(saved, written)


@pytest.mark.parametrize("written, says", [
    ({"training": {"seed": 4}}, "training.seed is 4 here and not given in step-4"),
    ({"training": {"update": "sgd"}}, "training.update is 'sgd' here and not given"),
    ({"training": {"update": {"type": "sgd", "momentum": 0.9}}}, "training.update.type is 'sgd' here and not given"),
    ({"training": {"update": {"eps": 1e-8}}}, "training.update.eps is 1e-08 here and not given"),
])  # fmt: skip
def test_what_is_no_default_is_a_change(root, written, says):
    saved = read(root / "configs/pretrain/tiny_clip_vit.yaml")[1]
    with pytest.raises(UserError, match=says):
        resumed(file=merge(saved, written), saved=saved)


def test_what_was_set_at_the_first_start_holds():
    saved = merge(SAVED, {"training": {"clip": 0.5, "precision": "bf16"}})
    found = resumed(saved=saved)
    assert found.mapping == saved and not found.changed and not found.passed_over


def test_what_decides_no_result_is_taken_from_the_file():
    found = resumption(SAVED, merge(SAVED, {"data": {"workers": 4}}), {}, "step-4")
    assert found.mapping["data"] == {"workers": 4} and not found.changed


def test_any_other_change_is_refused():
    with pytest.raises(UserError, match=r"training\.batch_size is 16 here and 8 in step-4"):
        resumed({"batch_size": 16})
    with pytest.raises(UserError, match=r"method\.type is 'unicl' here and 'clip' in step-4"):
        resumed(file=merge(SAVED, {"method": {"type": "unicl"}}))


# ------------------------------------------------------------------ mappings, and the places that they name
def with_edit(edit, **method):
    return merge(SAVED, {"method": {"edit": edit, **method}})


@pytest.mark.parametrize("before, now", [({}, {"wordnet": "a"}), ({"wordnet": "a"}, {"wordnet": "b"})])
def test_a_place_is_free(before, now):
    """What lies there is compared by its content: test_identity.py."""
    found = resumed(saved=with_edit(before), file=with_edit(now))
    assert found.mapping == with_edit(now) and not found.changed and not found.passed_over
    deeper = [merge(SAVED, {"method": {"second": {"text_edit": each}}}) for each in (before, now)]
    assert resumed(saved=deeper[0], file=deeper[1]).mapping == deeper[1]


@pytest.mark.parametrize("edit", [{}, {"wordnet": "a"}, {"wordnet": None}])
def test_to_edit_at_all_or_not_is_no_place(edit):
    """An empty mapping stands for all of its defaults, and null for none."""
    with pytest.raises(UserError, match=r"method\.edit is \{\} here and None in step-4"):
        resumed(saved=with_edit(None), file=with_edit(edit))
    with pytest.raises(UserError, match=r"method\.edit is None here and \{\} in step-4"):
        resumed(saved=with_edit(edit), file=with_edit(None))


@pytest.mark.parametrize("keys", [("wordnet",), ("edit", "words"), ("edit", "wordnet", "part"), ("crop", "wordnet")])
def test_no_other_key_is_a_place(keys):
    def saying(value):
        for key in reversed(keys):
            value = {key: value}
        return merge(SAVED, {"method": value})

    with pytest.raises(UserError, match=rf"method\.{'.'.join(keys)} is 'b' here and 'a' in step-4"):
        resumed(saved=saying("a"), file=saying("b"))


# ------------------------------------------------------------------ the places of sources
def of(train):
    return merge(SAVED, {"data": {"train": train}})


TABLE = {"type": "captions_table", "path": "a", "folder": "f", "caption_column": "c"}


@pytest.mark.parametrize("now", [{"path": "b"}, {"folder": "g"}, {"path": "b", "folder": "g"}])
@pytest.mark.parametrize(
    "within",
    [
        lambda table: table,
        lambda table: {"type": "share", "source": table},
        lambda table: {"type": "together", "sources": [{"type": "scenes"}, table]},
    ],
)
def test_where_data_lie_is_free_however_deep(within, now):  # fmt: skip
    """What lies there is compared by its content: test_data_identity.py."""
    found = resumed(saved=of(within(TABLE)), file=of(within({**TABLE, **now})))
    assert found.mapping["data"]["train"] == within({**TABLE, **now}) and not found.changed


@pytest.mark.parametrize("saved, now, key", [
    (TABLE, {"caption_column": "d"}, "caption_column"),  # no place
    (TABLE, {"folder": None}, "folder"),  # another rule, and not another place
    ({"type": "my_sources:Table", "path": "a"}, {"path": "b"}, "path"),  # may mean anything
    ({"type": "class_folder", "path": "a"}, {"type": "captions_table", "path": "b"}, "type"),
    ({"type": "voc_objects", "path": "a", "split": "x"}, {"split": "y"}, "split"),
])  # fmt: skip
def test_what_is_no_place_of_a_source_is_refused(saved, now, key):
    with pytest.raises(UserError, match=rf"data\.train\.{key} is "):
        resumed(saved=of(saved), file=of({**saved, **now}))


def test_another_number_of_sources_is_refused():
    three = [{"type": "class_folder", "path": name} for name in "abc"]
    with pytest.raises(UserError, match=r"data\.train\.sources\.2\.type is not given here and 'class_folder'"):
        resumed(saved=of({"type": "together", "sources": three}), file=of({"type": "together", "sources": three[:2]}))
