"""How often each concept appears, against plain loops; and that nothing is lost in silence."""

from collections import Counter

import numpy as np
import pytest

from tandemclip.core.concepts import by_rule, pool
from tandemclip.core.concepts.concept import concept
from tandemclip.core.concepts.coverage import coverage, overlap
from tandemclip.core.concepts.pool import BATCH, Pool, count
from tandemclip.core.concepts.said import NOTHING, OfLines, OfSource
from tandemclip.core.data.records import BrokenRecord, Record
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError

RULE = by_rule.finder()
PIXELS = np.zeros((2, 2, 3), np.uint8)


class Listed(Source):
    """records: Record, or a text: why it is broken."""

    def __init__(self, records, class_names=()):
        self.records, self.class_names = records, class_names

    def __len__(self):
        return len(self.records)

    def __getitem__(self, index):
        if isinstance(self.records[index], str):
            raise BrokenRecord(f"r{index}", self.records[index])
        return self.records[index]

    def texts(self, limit):
        return iter(())


def captioned(*captions):
    return Record("key", PIXELS, captions)


def pooled(*captions, name="mine", more_than=0):
    return count(name, OfSource(Listed([captioned(each) for each in captions])), RULE, more_than)


def test_counts_are_those_of_a_plain_loop_at_every_size_of_batch(shared):
    captions = (shared / "data" / "captions.txt").read_text().splitlines()[: BATCH + 7]
    found = count("mine", OfSource(Listed([captioned(*captions[i : i + 3]) for i in range(0, len(captions), 3)])), RULE)
    expected, empty = {}, 0
    for caption in captions:
        concepts = [each for each in map(concept, by_rule.phrases(caption)) if each]
        empty += len(concepts) == 0
        for each in concepts:
            expected[each] = expected.get(each, 0) + 1
    assert found.phrases == expected and found.without_phrase == empty
    assert found.captions == len(captions) and found.images == -(-len(captions) // 3)
    often = sorted(((-times, name) for name, times in expected.items() if times > 5))
    assert list(found.concepts.items()) == [(name, -times) for times, name in often] and len(often) > 20
    assert found.vocabulary == len({word for _, name in often for word in name.split(" ")})


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_the_size_of_a_batch_changes_nothing(monkeypatch, size):
    monkeypatch.setattr(pool, "BATCH", size)
    told = []
    records = [captioned("a dog", "a cat"), captioned("running"), "torn", captioned("a dog")]
    found = count("mine", OfSource(Listed(records)), RULE, 0, told.append)
    assert found.concepts == {"dog": 2, "cat": 1} and found.without_phrase == 1
    assert sum(told) == found.images == 3 and found.captions == 4


def test_more_than_five_times():
    captions = ["a dog"] * 6 + ["a cat"] * 5
    found = count("mine", OfSource(Listed([captioned(each) for each in captions])), RULE)
    assert found.concepts == {"dog": 6} and found.phrases == {"dog": 6, "cat": 5}


def test_labelled_data_have_their_classes_as_concepts_however_rare():
    names = ("Dogs", "grand piano", "7")
    records = [Record("a", PIXELS, ("a photo of a dog.",), label=0, prompted=True), Record("b", PIXELS, label=1)]
    records += [Record("c", PIXELS, ("a dog",), label=2), Record("d", PIXELS, label=2)]
    found = count("mine", OfSource(Listed(records, names)), RULE)
    assert found.classes == {"dog": 1, "grand piano": 1, "7": 1} and found.phrases == {"dog": 1}
    assert found.concepts == {"7": 1, "dog": 1, "grand piano": 1} and found.captions == 1


def test_what_says_nothing_is_counted_and_named():
    records = ["torn: byte 7", captioned(), Record("d", PIXELS, label=1), Record("e", PIXELS, label=-1), "torn: byte 8"]
    said = OfSource(Listed([*records, captioned("a dog")], ("dog",)))
    found = count("mine", said, RULE, 0)
    account = found.accounts[-1]
    assert (account.all, account.read) == (6, 1)
    assert account.passed_over["torn"].count == 2 and account.passed_over["torn"].first == ("r0", "r4")
    assert account.passed_over[NOTHING].count == 3
    assert found.concepts == {"dog": 1} and found.images == 1


def test_lines_of_a_file(tmp_path):
    file = tmp_path / "c.txt"
    file.write_bytes(b"\xef\xbb\xbfA dog .\r\n\n   \n\xff\xfe bad\nnan\ntwo dogs")
    said = OfLines(file)
    found = count("mine", said, RULE, 0)
    assert len(said) == 6 and found.images is None and found.captions == 3
    assert found.concepts == {"dog": 2, "nan": 1}
    (account,) = found.accounts
    assert {why: (named.count, named.first) for why, named in account.passed_over.items()} == {
        "blank": (2, ("line 2", "line 3")),
        "not UTF-8": (1, ("line 4",)),
    }
    assert [named.first for named in account.remarks.values()] == [("line 5",)]


@pytest.mark.parametrize("content", [None, b""])
def test_a_file_without_captions_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "c.txt").write_bytes(content)
    with pytest.raises(UserError, match="c.txt"):
        OfLines(tmp_path / "c.txt")


@pytest.mark.parametrize("content, why", [(b"\xff\xfe\n\xff", "not UTF-8 (2: line 1, line 2)"), (b"\n", "blank (1:")])
def test_a_file_of_which_no_line_can_be_used_is_refused(tmp_path, content, why):
    (tmp_path / "c.txt").write_bytes(content)
    with pytest.raises(UserError) as found:
        count("mine", OfLines(tmp_path / "c.txt"), RULE)
    told = str(found.value)
    assert told.startswith("mine: none of the ") and f" lines can be used: {why}" in told


def test_a_source_that_says_nothing_is_refused():
    with pytest.raises(UserError, match=f"^mine: none of the 2 records can be used: {NOTHING} \\(2: key"):
        count("mine", OfSource(Listed([captioned(), captioned()])), RULE)


@pytest.mark.parametrize("name", ["c.csv", "c.TSV"])
def test_a_table_is_no_file_of_lines(tmp_path, name):
    """Its paths and its first row would be counted as what is said."""
    (tmp_path / name).write_text("path,caption\na.png,a dog\n")
    with pytest.raises(UserError, match=f"{name} is a table by its name.*captions_table path=.*{name}"):
        OfLines(tmp_path / name)


# ------------------------------------------------------------------ coverage and overlap
def test_coverage_is_of_concepts_and_mentions_of_phrases():
    found = pooled("a dog", "a dog", "a brick wall", "a cat", more_than=1)
    of = coverage(found, ["Dogs", "dog", "brick", "brick wall", "wall brick", "cat", "horse"])
    assert of.counts == {"Dogs": 2, "dog": 2, "brick": 0, "brick wall": 0, "wall brick": 0, "cat": 0, "horse": 0}
    assert of.mentions == {"Dogs": 2, "dog": 2, "brick": 1, "brick wall": 1, "wall brick": 0, "cat": 1, "horse": 0}
    assert of.percent == pytest.approx(100 * 2 / 7) and of.percent_mentioned == pytest.approx(100 * 5 / 7)


def test_coverage_against_plain_loops(shared):
    captions = (shared / "data" / "captions.txt").read_text().splitlines()[:600]
    found = count("mine", OfSource(Listed([captioned(each) for each in captions])), RULE)
    classes = ["dog", "snow", "ball", "soccer ball", "zebra", "black"]
    of = coverage(found, classes)
    phrases = [concept(each) for caption in captions for each in by_rule.phrases(caption)]
    for name in classes:
        assert of.counts[name] == (phrases.count(name) if phrases.count(name) > 5 else 0)
        assert of.mentions[name] == sum(f" {name} " in f" {phrase} " for phrase in phrases)


def test_labelled_data_cover_their_own_classes():
    names = ("faces easy", "Dogs")
    found = count("mine", OfSource(Listed([Record(n, PIXELS, label=i) for i, n in enumerate(names)], names)), RULE)
    assert coverage(found, names).percent == 100 and coverage(found, ("faces",)).percent == 0
    assert coverage(found, ("easy",)).mentions == {"easy": 1}


def test_overlap_is_of_the_most_frequent():
    one = pooled(*["a dog"] * 3, *["a cat"] * 2, "a cow", name="one")
    two = pooled(*["a cow"] * 3, *["a cat"] * 2, name="two")
    assert overlap([one, two], 2) == {"one": {"one": 100, "two": 50}, "two": {"one": 50, "two": 100}}
    assert overlap([one, two], 9)["one"] == {"one": 100, "two": pytest.approx(200 / 3)}
    assert overlap([one, two], 9)["two"] == {"one": 100, "two": 100}
    none = Pool("none", 0, 0, 0, Counter(), Counter(), ())
    assert overlap([one, none], 2) == {"one": {"one": 100, "none": 0}, "none": {"one": 0, "none": 0}}
