"""Lists of class names in the ways in which people write them."""

import json

import pytest

from tandemclip.core.data.sources.class_names import ID, names_of_folders, places_among, read_class_names, repeated
from tandemclip.core.errors import UserError


@pytest.fixture
def write(tmp_path):
    def write(content):
        (tmp_path / "c.json").write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return str(tmp_path / "c.json")

    return write


@pytest.mark.parametrize("content", [
    ["cat", "dog"], {"0": "cat", "1": "dog"}, {"1": "dog", "0": "cat"}, {"0": ["n01", "cat"], "1": ["n02", "dog"]},
    [{"name": "cat"}, "dog"], [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}],
    [{"id": "0", "name": "cat"}, {"id": "1", "name": "dog"}], [{"name": "cat", "label": "pet"}, {"name": "dog"}],
    b'\xef\xbb\xbf["cat", "dog"]',
])  # fmt: skip
def test_names_are_taken_by_their_numbers(write, content):
    assert read_class_names(write(content)) == ["cat", "dog"]


def test_names_may_stand_in_lines(tmp_path):
    (tmp_path / "names.txt").write_bytes(b"\xef\xbb\xbfcat\r\nblack dog\n\n")
    assert read_class_names(str(tmp_path / "names.txt")) == ["cat", "black dog"]
    (tmp_path / "names.txt").write_bytes(b"\n")
    with pytest.raises(UserError, match="names.txt: it holds no class"):
        read_class_names(str(tmp_path / "names.txt"))


def test_an_empty_line_moves_no_number(tmp_path):
    (tmp_path / "names.txt").write_bytes(b" cat \n\ndog\n")
    with pytest.raises(UserError, match="class 1 is called ''"):
        read_class_names(str(tmp_path / "names.txt"))
    (tmp_path / "names.txt").write_bytes(b"cat\rdog\r")
    with pytest.raises(UserError, match="its lines end with carriage returns alone, expected line feeds"):
        read_class_names(str(tmp_path / "names.txt"))
    (tmp_path / "names.txt").write_bytes(b"cat,dog\n")
    with pytest.raises(UserError, match="its one line is 'cat,dog', expected a name a line"):
        read_class_names(str(tmp_path / "names.txt"))
    assert read_class_names(str(tmp_path / "names.txt"), part=True) == ["cat,dog"]  # one that is left out
    (tmp_path / "names.json").write_text('["tench, Tinca tinca"]')
    assert read_class_names(str(tmp_path / "names.json")) == ["tench, Tinca tinca"]
    (tmp_path / "names.txt").write_bytes(b"cat, a tabby\ndog\n")
    assert read_class_names(str(tmp_path / "names.txt")) == ["cat, a tabby", "dog"]
    (tmp_path / "names.txt").write_text(" red\u2028fox \ndog\n", encoding="utf-8")  # a line ends at a line feed alone
    assert read_class_names(str(tmp_path / "names.txt")) == ["red\u2028fox", "dog"]


@pytest.mark.parametrize("lines, refused", [
    ("0 cat\n1 dog", True), ("1: cat\n2: dog", True), ("001 cat\n002 dog", True), ("0,cat\n1,dog", True),
    ("0\tcat", True), ("cat\n1 dog", False), ("10 cats\n11 dogs", False), ("0cat\n1dog", False),
])  # fmt: skip
def test_lines_that_are_numbered_are_no_names(tmp_path, lines, refused):
    (tmp_path / "names.txt").write_text(lines)
    if refused:
        with pytest.raises(UserError, match="its lines begin with their numbers, such as"):
            read_class_names(str(tmp_path / "names.txt"))
    else:
        assert read_class_names(str(tmp_path / "names.txt")) == lines.split("\n")


@pytest.mark.parametrize("lines, words", [
    ("# classes of my set\ncat\ndog", "a comment, '# classes of my set'"), ("cat\n#dog", "a comment, '#dog'"),
    ("n01440764 tench\nn01443537 goldfish", "begins with WordNet's id, 'n01440764 tench'"),
    ("tench\t0\ngoldfish\t1", "a line with a tab, 'tench.t0'"),
    ("cat,0\ndog,1", "end with their numbers, such as 'cat,0'"),
    ("C#\nC", None), ("n01440764\nn01443537", None), ("cat,5\ndog,1", None), ("level 0\nlevel 1", None),
])  # fmt: skip
def test_lines_of_a_text_that_hold_more_than_a_name_move_no_class(tmp_path, lines, words):
    (tmp_path / "names.txt").write_text(lines)
    if words is None:
        assert read_class_names(str(tmp_path / "names.txt")) == lines.split("\n")
        return
    with pytest.raises(UserError, match=f"names.txt: .*{words}, expected names alone; write it like"):
        read_class_names(str(tmp_path / "names.txt"))


MAC, OTHER = "cafe\u0301", "caf\u00e9"  # e and its accent apart, as a Mac names files, and as one letter


def test_one_name_in_two_forms_of_unicode_is_one_name(write):
    assert repeated([MAC, OTHER, "tea"]) == [MAC, OTHER]
    assert repeated(["cat", "c\u200bat", "\uff43at"]) == ["cat", "c\u200bat", "\uff43at"]  # invisible; full width
    assert repeated(["cat", "cats", "tea"]) == []
    assert names_of_folders(write({OTHER: "coffee house"}), [MAC]) == {MAC: "coffee house"}
    assert places_among([MAC, "tea"], ["tea", OTHER]).tolist() == [1, 0]
    assert places_among([MAC], [OTHER]).tolist() == [0]


@pytest.mark.parametrize("name, remarked", [
    ("n02123045", True), ("0001", True), ("001.Black_footed_Albatross", True), ("7", True), ("3.5 inch disk", False),
    ("cat", False), ("b52", False), ("1 cat", False),
])  # fmt: skip
def test_what_is_a_number_and_no_word(name, remarked):
    assert bool(ID.fullmatch(name)) == remarked


def test_folders_that_are_called_by_numbers_stand_in_their_order(write):
    """ImageNet-V2: "10" before "2" for whoever sorts texts."""
    names = {str(number): [f"n{number:08}", f"class {number}"] for number in range(12)}
    folders = sorted(map(str, range(12)))
    found = names_of_folders(write(names), folders)
    assert list(found) == list(map(str, range(12))) and found["10"] == "class 10"
    by_id = names_of_folders(write(names), ["n00000002", "n00000010"])  # a part of them, as in ImageNet-A
    assert by_id == {"n00000002": "class 2", "n00000010": "class 10"}


@pytest.mark.parametrize("content, words", [
    ("cat", "it holds a text, expected a list"), (7, "a number, expected"), ([], "no class"), ({}, "no class"),
    ([["cat"], ["dog"]], "class 0 is called .'cat'., expected a text"), (["cat", None], "class 1 is called None"),
    (["cat", " "], "class 1 is called ' '"), ([{"id": 1, "name": "dog"}, {"id": 0, "name": "cat"}], "has the id 1"),
    ({"1": "cat", "2": "dog"}, "no numbers from 0 to 1, such as '2'"), ({"cat": 0, "dog": 1}, "such as 'cat'"),
    ({"0": {"name": ["cat"]}}, "class 0 is called"), ([{"label": "cat"}], "there is no 'name'"),
    ([{"label": 1, "name": "dog"}, {"label": 0, "name": "cat"}], "at place 0 has the label 1; the place is"),
    ([{"index": "1", "name": "dog"}], "has the index '1'"), ({"0": {"class_id": 3, "name": "cat"}}, "the class_id 3"),
    ([{"id": "n01", "name": "cat"}], "has the id 'n01'"), ({"classes": ["cat"]}, "such as 'classes'"),
    (b'{"0": "cat", "0": "dog"}', "the key '0' stands twice"), (b"[", "write it like"),
    ('["cat"]'.encode("utf-16"), "not UTF-8"), (b'["caf\xe9"]', "line 1 is not UTF-8: byte 0xe9 at place 5"),
])  # fmt: skip
def test_what_is_no_list_of_names_is_refused_in_a_sentence(write, content, words):
    with pytest.raises(UserError, match=f"c.json.*{words}"):
        read_class_names(write(content))


@pytest.mark.parametrize("content, words", [
    (["cat"], "it holds a list, expected a mapping"), ({"a": ""}, "class a is called ''"),
    ({"0": ["a", "cat"], "1": ["a", "dog"]}, "a folder stands there twice"),
    ({"0": [7, "cat"]}, "a folder is called 7, expected a text"),
    ({"0": [["a"], "cat"]}, "a folder is called .'a'., expected a text"),
    ({"a": {"label": "cat"}}, "there is no 'name'"), ({"b": "cat"}, "no name for 1 of 1 folders, the first is 'a'"),
])  # fmt: skip
def test_names_of_folders_are_refused_in_a_sentence(write, content, words):
    with pytest.raises(UserError, match=words):
        names_of_folders(write(content), ("a",))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="gone.json cannot be read"):
        read_class_names(str(tmp_path / "gone.json"))


def test_names_repeat_up_to_case_and_blanks():
    assert repeated(["crane", "fox", "Crane", "red_fox", "red  fox", "straße", "STRASSE"]) == [
        "crane", "Crane", "red_fox", "red  fox", "straße", "STRASSE",
    ]  # fmt: skip
