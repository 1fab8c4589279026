"""How YAML is read: numbers, words, keys that stand twice, and what holds itself."""

import math

import pytest
import yaml

from tandemclip.core.config.yaml_text import parse
from tandemclip.core.errors import UserError
from tandemclip.core.training.config import read


@pytest.mark.parametrize(
    "text, value",
    [
        ("1e-3", 1e-3),
        ("1E3", 1000.0),
        ("-2e+5", -2e5),
        ("1.5e3", 1500.0),
        (".5", 0.5),
        ("3.", 3.0),
        ("-0.0", 0.0),
        ("5e-4", 5e-4),
        ("0", 0),
        ("-12", -12),
        ("+7", 7),
        ("12_000", 12000),
        ("0x10", 16),
        ("0b11", 3),
        (".inf", math.inf),
        ("-.inf", -math.inf),
        # YAML 1.1 reads these as 8, 64, 45045, 750, a date
        ("08", "08"),
        ("0100", "0100"),
        ("12:30:45", "12:30:45"),
        ("12:30", "12:30"),
        ("2024-05-01", "2024-05-01"),
        ("2024-05-01 10:00:00", "2024-05-01 10:00:00"),
        ("1e", "1e"),
        ("0x_", "0x_"),
        ("1.2.3", "1.2.3"),
        ("-", [None]),
        ("~", None),
        ("", None),
        ("on", True),
        ("no", False),
        ("'no'", "no"),
    ],
)
def test_what_a_scalar_is(text, value):
    found = parse(text, "it")
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    "text, lines",
    [
        ("a: 1\nb: 2\na: 3\n", "'a' twice in one mapping, in lines 1 and 3"),
        ("x:\n  steps: 1\n  other: 2\n  steps: 1\n", "'steps' twice in one mapping, in lines 2 and 4"),
        ("- {a: 1, a: 2}", "'a' twice in one mapping, in lines 1 and 1"),
        ("on: 1\nyes: 2\n", "True twice in one mapping, in lines 1 and 2"),
        ("a: 1\n'a': 2\n", "'a' twice in one mapping, in lines 1 and 2"),
    ],
)
def test_a_key_that_stands_twice_is_refused_with_both_lines(text, lines):
    with pytest.raises(UserError, match=f"^the config x has the key {lines}: keep one"):
        parse(text, "the config x")


def test_the_same_key_in_two_mappings_is_fine():
    assert parse("a: {x: 1}\nb: {x: 2}\n", "it") == {"a": {"x": 1}, "b": {"x": 2}}


def test_anchors_and_merges_are_as_in_yaml():
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: *a\nd: {<<: [*a, {z: 4}], x: 0}\n"
    assert parse(text, "it") == yaml.safe_load(text)


@pytest.mark.parametrize(
    "text, words",
    [
        ("a: [1", "it is not YAML: line 1, column 6: expected ',' or ']', .*; quote what is text"),
        ("a: b: c", "it is not YAML: line 1, column 5: mapping values are not allowed here; quote what is text"),
        ("a:\n\tb: 1", "it is not YAML: line 2, column 1: .*; put blanks where the tab is"),
        ("a:\tb: 1", "it is not YAML: line 1, column 3: .*; put blanks where the tab is"),
        ("a: b: c\t# a note", "it is not YAML: line 1, .*; quote what is text"),
        ("merging: b: c", "it is not YAML: line 1, .*; quote what is text"),
        ("a: 1\nb:2\nc: 3", "it is not YAML: line 3, column 1: .*; put a colon and a blank between"),
        ("a: 1\nb:\u00a02\nc: 3", "it is not YAML: line 3, column 1: .*; put a colon and a blank between"),
        ("a: 1\n---\nb: 2", "it is not YAML: line 2, .* another document; a file holds one document"),
        ("a: {<<: 3}", "it is not YAML: line 1, .*; << takes a mapping"),
        ("a: \x07", "it is not YAML: unacceptable character #x0007: .*; take the character out"),
        ("a: *b", "it is not YAML: line 1, column 4: found undefined alias 'b'; a . begins the name of an anchor"),
        ("a: !!int x", "it is not YAML: line 1, column 4: what stands here is no int"),
        ("a: !!int ''", "what stands here is no int"),
        ("!!bool maybe", "what stands here is no bool"),
        ("!!timestamp x", "what stands here is no timestamp"),
        ("!!map [1]", "what stands here is no map"),
        ("!!seq {a: 1}", "what stands here is no seq"),
        ("0x" + "f" * 5000, "what stands here is no int"),
        ('"\\UFFFFFFFF"', "it is not YAML"),
        (
            "a: &a {x: 1}\nb: &b {x: 2}\nc:\n  <<: *a\n  <<: *b",
            "'<<' twice in .* lines 4 and 5: name both in one: <<: .*b.$",
        ),
        ("a: !!python/object:os.system x", "it is not YAML"),
        ("a: *.blocks", "it is not YAML"),
        ("&a [*a]", "it is not YAML"),
        ("a: &a {b: *a}", "it is not YAML"),
        ("[" * 5000, "it holds itself, or is nested too deep"),
        ("? [a]\n: 1", "it has a key in line 1 that is a mapping or a list"),
        ("? {a: 1}\n: 1", "it has a key in line 1 that is a mapping or a list"),
    ],
    ids=range(28),
)
def test_what_is_no_yaml_of_ours_is_an_error_of_the_user_s_in_one_line(text, words):
    with pytest.raises(UserError, match=words) as error:
        parse(text, "it")
    assert "\n" not in str(error.value)


# ------------------------------------------------------------------ a config's file
@pytest.mark.parametrize(
    "content, words",
    [
        (b"a: \xff", "is not UTF-8: .* at byte 3"),
        (b"base: 5\n", "base of the config .* is 5, expected the path"),
        (b"base: own.yaml\n", "is its own base"),
        (b"base: none.yaml\n", "none.yaml cannot be read"),
        (b"- 1\n", "holds a list"),
        (b"\xef\xbb\xbftraining: {steps: 1}\n", "method is missing"),
    ],
)
def test_a_file_that_is_no_configuration_is_told(tmp_path, content, words):
    path = tmp_path / "own.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=words):
        read(path)


def test_bases_that_go_round_are_told(tmp_path):
    for name, base in {"a": "b", "b": "c", "c": "a"}.items():
        (tmp_path / f"{name}.yaml").write_text(f"base: {base}.yaml\n")
    with pytest.raises(UserError, match="a.yaml is its own base"):
        read(tmp_path / "a.yaml")
