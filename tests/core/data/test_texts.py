"""The one rule for texts."""

import pytest

from tandemclip.core.data import texts


def test_utf8_with_or_without_its_mark():
    assert texts.utf8(b"caf\xc3\xa9") == texts.utf8(b"\xef\xbb\xbfcaf\xc3\xa9") == "café"
    assert texts.utf8(b"a\xef\xbb\xbfb") == "a\ufeffb"  # a mark elsewhere is a letter
    for data, words in (
        (b"a\ncaf\xe9", "line 2 is not UTF-8: byte 0xe9 at place 5"),
        (b"\xef\xbb\xbfcaf\xe9", "line 1 .* place 6"),
        ("é".encode("utf-16"), "0xff at place 0"),
        ("ab\nc".encode("utf-16-le"), "line 1 is not UTF-8, or damaged, as it holds a zero byte: byte 0x00 at place 1"),
        (b"a\nb\0", "line 2 is not UTF-8, or damaged, as it holds a zero byte: byte 0x00 at place 3"),
    ):
        with pytest.raises(ValueError, match=words):
            texts.utf8(data)


@pytest.mark.parametrize("data, words", [
    (b'{"a": 1, "b": {"d": 0, "c": 1, "c": 2}}', "'c' stands twice"), (b"{", ""), (b"[" * 100_000, "nested too deeply"),
    ('{"a": 1}'.encode("utf-32"), "not UTF-8"),
])  # fmt: skip
def test_json_that_is_none(data, words):
    with pytest.raises(ValueError, match=words):
        texts.from_json(data)


def test_captions_are_a_text_or_a_list_of_texts():
    assert texts.captions("a \ud83d") == ("a ?",) and texts.captions(["a", " ", "\n", "", "b"]) == ("a", "b")
    assert texts.captions([]) == texts.captions(" ") == ()
    for given, words in (({"en": "a"}, "is a mapping, expected a text or a list of texts"), (5, "is a number"),
                         (["a", None], "hold null"), ([["a"]], "hold a list"), ([{"text": "a"}], "hold a mapping"),
                         ("a\0", "is damaged, as it holds a zero byte"),
                         (None, "is null"), (True, "is true or false"), (["a", 1.5], "hold a number")):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            texts.captions(given)


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\u00a0", "\u200b", "\ufeff", " \u200d \u2060\n", "\u3000",
                                  "\x01\x02", "\x07", "\ufe0f", "\u034f", "\u2800", "\u3164"])  # fmt: skip
def test_what_cannot_be_seen_is_blank(text):
    """Programs leave marks without a width where a caption was taken away."""
    assert texts.blank(text) and texts.captions(["a", text]) == ("a",)
    assert not texts.blank(text + "a") and not texts.blank("a" + text)


def test_equal_but_for_blanks_around():
    assert texts.equal(["a "], ["a"]) and not texts.equal(["a"], ["a", "b"]) and not texts.equal(["a"], ["A"])


@pytest.mark.parametrize("caption, remark", [
    ("nan", "word for no value"), (" None\n", "word for no value"), ("NULL", "word for no value"),
    ("<NA>", "word for no value"), ("#N/A", "word for no value"), ("undefined", "word for no value"),
    ("['a cat']", "looks like a list"), ('{"en": "a cat"}', "looks like a list"),
    ("a cat", None), ("none of them", None), ("[1]", None), ("['a cat'] sits", None), ("", None),
])  # fmt: skip
def test_what_is_to_be_remarked_of_a_caption(caption, remark):
    found = texts.odd(caption)
    assert found is None if remark is None else remark in found
