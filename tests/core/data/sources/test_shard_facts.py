"""What json, txt, cls and rois.npy say of a record."""

import json

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
    (({"label": float("nan")},), "the label is a number"), ((None, None, b"cat"), "its cls is not as documented: inv"),
    ((None, b"caf\xe9"), "its txt is not as documented: line 1"),
    (({"caption": "a"}, b"caf\xe9"), "line 1 is not UTF-8"),
    (([1],), "the json holds a list, expected an object"), (({"attributes": {"color": "red"}},), "invalid literal"),
    (({"phrases": [{"phrase": ["a"], "box": [0, 0, 1, 1]}]},), "the phrase of an object is a list"),
    (({"objects": [{"phrase": "a", "box": [0, 0, 1, 1], "category": 3}]},), "the category of an object is a number"),
])  # fmt: skip
def test_kinds_that_are_taken_for_one_another_are_refused_in_words(given, words):
    with pytest.raises(ValueError, match=words):
        read(*given)


def test_a_key_twice_is_refused():
    with pytest.raises(ValueError, match="'caption' stands twice"):
        read_facts(b'{"caption": "a", "caption": "b"}', None, None, None)
