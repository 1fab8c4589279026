"""What json, txt, cls and rois.npy say of a record."""

import io
import json

import numpy as np
import pytest

from tandemclip.core.data.sources.shard_facts import read_facts, read_label

BLANK, LINES = "blank caption", "its txt has several lines; each is a caption"
TXT = "its txt says something else than its json, which is taken"
TWO = 'its json has "captions" and another "caption"; the captions are taken'
CLS = "its cls says another class than its json; that of the cls is taken"


def read(facts=None, txt=None, cls=None):
    return read_facts(None if facts is None else json.dumps(facts).encode(), txt, cls, None)


@pytest.mark.parametrize("facts, txt, captions, remarks", [
    (None, None, (), ()), ({}, b"a cat\n", ("a cat",), ()), ({"caption": None}, b"a cat", ("a cat",), ()),
    ({"captions": ["a", "b"]}, None, ("a", "b"), ()), ({"caption": "a"}, b" a\r\n", ("a",), ()),
    ({"captions": ["a", "b"]}, b"b", ("a", "b"), ()), ({"captions": ["a", "b"]}, b"a\nb\n", ("a", "b"), ()),
    ({"caption": "two\nlines"}, b"two\nlines", ("two\nlines",), ()), ({"caption": "a"}, b"b", ("a",), (TXT,)),
    ({"caption": "a"}, b"", ("a",), (TXT,)), ({"captions": []}, b"b", (), (TXT,)),
    (None, b"a\r\n\n b \n", ("a", "b"), (LINES,)), (None, "a\u2028b".encode(), ("a\u2028b",), ()),
    (None, b" \n", (), (BLANK,)), (None, b"", (), (BLANK,)), ({"caption": " "}, None, (), (BLANK,)),
    ({"captions": ["a", "\t"]}, None, ("a",), (BLANK,)), ({"captions": ["a"], "caption": "a"}, None, ("a",), ()),
    ({"captions": ["a"], "caption": "c"}, None, ("a",), (TWO,)), ({"captions": None, "caption": "c"}, None, ("c",), ()),
    (None, b"\xef\xbb\xbfa", ("a",), ()),
])  # fmt: skip
def test_captions_and_what_stands_before_what(facts, txt, captions, remarks):
    found = read(facts, txt)
    assert (found.captions, found.remarks) == (captions, remarks)


@pytest.mark.parametrize("facts, cls, label, remarks", [
    (None, None, None, ()), (None, b"3\n", 3, ()), ({"label": 3}, None, 3, ()), ({"label": "3"}, None, 3, ()),
    ({"label": 3.0}, b"3", 3, ()), ({"label": 4}, b"3", 3, (CLS,)), ({"label": -1}, None, None, ()),
    ({"label": 4}, b"-1", None, (CLS,)), ({"label": -1}, b"-7", None, ()), ({"label": None}, b"5", 5, ()),
    (None, b"\xef\xbb\xbf5", 5, ()),
])  # fmt: skip
def test_the_class_and_what_stands_before_what(facts, cls, label, remarks):
    found = read(facts, None, cls)
    assert (found.label, found.remarks) == (label, remarks)
    assert read_label(None if facts is None else json.dumps(facts).encode(), cls) == label


@pytest.mark.parametrize("given, words", [
    (({"caption": {"en": "a"}},), "the caption is a mapping, expected a text or a list of texts"),
    (({"captions": [["a"]]},), "the captions hold a list"), (({"caption": 5},), "the caption is a number"),
    (({"captions": ["a", None]},), "hold null"), (({"summary": ["a"]},), "the summary is a list, expected a text"),
    (({"label": True},), "the label is true or false, expected a whole number"), (({"label": 1.5},), "label is 1.5"),
    (({"label": float("nan")},), "the label is a number"),
    ((None, None, b"2147483648"), "the cls is '2147483648', expected a whole number below"),
    (({"label": -(2**31)},), "the label is -2147483648"),
    (({"attributes": {"a": 1e15}},), "the a is 1000000000000000.0"),
    ((None, None, b"cat"), "its cls is not as documented: the cls is 'cat', expected a whole number"),
    ((None, None, b"1_0"), "the cls is '1_0', expected a whole number"), (({"label": "1_0"},), "the label is '1_0'"),
    (({"caption": "a\0"},), "the caption 'a.x00' is damaged, as it holds a zero byte"),
    ((None, b"caf\xe9"), "its txt is not as documented: line 1"),
    (({"caption": "a"}, b"caf\xe9"), "line 1 is not UTF-8"),
    (([1],), "the json holds a list, expected an object"), (({"attributes": {"color": "red"}},), "the color is 'red'"),
    (({"phrases": [{"phrase": ["a"], "box": [0, 0, 1, 1]}]},), "the phrase of an object is a list"),
    (({"objects": [{"phrase": "a", "box": [0, 0, 1, 1], "category": 3}]},), "the category of an object is a number"),
])  # fmt: skip
def test_kinds_that_are_taken_for_one_another_are_refused_in_words(given, words):
    with pytest.raises(ValueError, match=words):
        read(*given)


def test_a_key_twice_is_refused():
    with pytest.raises(ValueError, match="'caption' stands twice"):
        read_facts(b'{"caption": "a", "caption": "b"}', None, None, None)


BOX = {"phrase": "a", "box": [0, 0, 1, 1]}


@pytest.mark.parametrize("facts, words", [
    ({"objects": "dog"}, "its objects are a text, expected a list of mappings"),
    ({"phrases": {"dog": [0, 0, 1, 1]}}, "its phrases are a mapping"),
    ({"objects": ["dog"]}, "its objects hold a text"),
    ({"objects": [{**BOX, "box": "0011"}]}, "its box is a text"),
    ({"phrases": [{**BOX, "box": [0, 1]}]}, "four numbers"),
    ({"objects": [{**BOX, "box": [0, 0, float("nan"), 1]}]}, "numbers that are finite"),
    ({"phrases": [{**BOX, "box": [0.5, 0, 0.1, 1]}]}, "upside down: from 0.5, 0 to 0.1, 1"),
    ({"objects": [{**BOX, "box": [0, 1, 1, 0.5]}]}, "upside down"),
    ({"objects": [{**BOX, "box": [False, 0, 1, 1]}]}, "expected four numbers"),
    ({"objects": [{**BOX, "confidence": float("nan")}]}, "the confidence of an object is nan"),
    ({"objects": [{**BOX, "confidence": "1"}]}, "the confidence of an object is '1'"),
    ({"objects": [{**BOX, "feature": "12"}]}, "the feature of an object is a text"),
    ({"objects": [{**BOX, "feature": [1, None]}]}, "the feature of an object is no list of finite numbers"),
    ({"objects": [{**BOX, "feature": [[1], [2]]}]}, "is no list of finite numbers"),
    ({"objects": [{**BOX, "attributes": {"red": 1}}]}, "the attribute is a mapping"),
    ({"phrases": [{**BOX, "n": "two"}]}, "the n is 'two', expected a whole number"),
    ({"objects": [{**BOX, "marks": [1]}]}, "the marks hold a number"),
])  # fmt: skip
def test_objects_that_are_not_as_documented_are_refused_in_words(facts, words):
    with pytest.raises(ValueError, match=f"its json is not as documented: .*{words}"):
        read(facts)


def test_features_of_complex_numbers_are_refused():
    rois = io.BytesIO()
    np.save(rois, np.ones((1, 4), complex))
    with pytest.raises(ValueError, match="the feature of an object is of complex numbers, expected real ones"):
        read_facts(json.dumps({"objects": [BOX]}).encode(), None, None, rois.getvalue())


def test_one_attribute_or_mark_is_no_list_of_letters():
    (thing,) = read({"objects": [{**BOX, "attributes": "red", "marks": "crowd"}], "phrases": None}).objects
    assert (thing.attributes, thing.marks) == (("red",), {"crowd"})


def test_boxes_outside_and_captions_that_look_like_something_else_are_remarked():
    pixels, edge = {**BOX, "box": [10, 20, 100, 200]}, {**BOX, "box": [-0.1, 0, 1.2, 1]}
    assert read({"objects": [edge]}).remarks == ()
    assert read({"objects": [edge, pixels, pixels]}).remarks == ("a box lies outside of its picture",)
    assert len(read({"captions": ["['a', 'b']", "NULL", "a"]}).remarks) == 2
    assert len(read(None, b'["yellow", "gold"]').remarks) == 1


ZERO = ", or damaged, as it holds a zero byte"


@pytest.mark.parametrize("form, more", [("utf-16", ""), ("utf-16-le", ZERO), ("utf-16-be", ZERO)])
def test_utf16_with_and_without_its_mark_is_no_text(form, more):
    for member in ({"txt": "a red wall".encode(form)}, {"json": '{"caption": "a"}'.encode(form)}):
        given = {"json": None, "txt": None, "cls": None, "rois": None, **member}
        with pytest.raises(ValueError, match=f"line 1 is not UTF-8{more}: byte 0x"):
            read_facts(**given)


def test_an_object_of_which_no_more_is_said():
    """Annotated phrases and objects alike are certain, unmarked, and have no feature."""
    for thing in read({"objects": [{**BOX, "confidence": 0.5}, BOX], "phrases": [BOX]}).objects[1:]:
        assert thing.confidence == 1.0 and thing.feature is None and thing.category is None and thing.mask is None
        assert thing.attributes == () and thing.marks == frozenset()
    (one, several) = read({"phrases": [{**BOX, "n": 1}, {**BOX, "n": "2"}]}).objects
    assert (one.marks, several.marks) == (frozenset(), {"several"})
