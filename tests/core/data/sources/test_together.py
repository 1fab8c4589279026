"""Sources beside each other: the order is a function of the position alone, whatever shares it out."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest

from tandemclip.core.data import account
from tandemclip.core.data.loading.loader import batches
from tandemclip.core.data.scenes.scenes import DIGITS, Scenes
from tandemclip.core.data.sources.balanced import Balanced
from tandemclip.core.data.sources.captions_table import CaptionsTable
from tandemclip.core.data.sources.first import First
from tandemclip.core.data.sources.one_after_another import OneAfterAnother
from tandemclip.core.data.sources.part import Share, WithoutClasses
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.sources.together import Together
from tandemclip.core.data.tokenizers.trained import TrainedTokenizer
from tandemclip.core.data.views.label import LabelView
from tandemclip.core.data.views.text import TextView
from tandemclip.core.errors import UserError

LABELLED, PAIRS = Scenes(size=32, count=10, digits=1), Scenes(size=32, count=26, digits=2, seed=1)
WORDS = TrainedTokenizer.train([*Scenes().texts(200)], 40)


@dataclass(frozen=True)
class Named(Source):
    """A source whose classes are called otherwise."""

    source: Source
    class_names: tuple[str, ...]

    def __len__(self):
        return len(self.source)

    def __getitem__(self, index):
        return self.source[index]

    def texts(self, limit):
        return self.source.texts(limit)


def drawn(source, count, seed=3, start=0):
    return [source.order(position, seed) for position in range(start, start + count)]


def test_together_is_one_data_set():
    source = Together((LABELLED, PAIRS))
    assert len(source) == source.epoch == 36
    for epoch in range(3):
        assert sorted(drawn(source, 36, start=36 * epoch)) == list(range(36))
    assert source[3].key == LABELLED[3].key and source[12].key == PAIRS[2].key


def test_equal_classes_of_two_sources_are_told_apart():
    inner = Together((LABELLED, replace(LABELLED, seed=5)))
    outer = Together((inner, inner))
    spaces = {outer[i].classes for i in (0, 10, 20, 30)}
    assert len(spaces) == 4 and outer[0].label == LABELLED[0].label


@pytest.mark.parametrize(
    "limit, wanted", [(0, ""), (1, "a"), (2, "ac"), (3, "ace"), (5, "ace"), (6, "abcdef"), (99, "abcdef")]
)
def test_texts_are_at_most_the_limit(tmp_path, limit, wanted):
    for name, captions in {"1": "ab", "2": "cd", "3": "ef"}.items():
        (tmp_path / f"{name}.csv").write_text("path,caption\n" + "".join(f"{text}.jpg,{text}\n" for text in captions))
    source = Together(tuple(CaptionsTable(str(tmp_path / f"{name}.csv")) for name in "123"))
    assert "".join(source.texts(limit)) == wanted


@pytest.mark.parametrize("pairs", [PAIRS, Scenes(size=32, count=4, digits=2)])  # more of them, and fewer
def test_balance(pairs):
    source = Balanced((LABELLED, pairs))
    assert source.epoch == 20 and len(source) == 10 + len(pairs)
    order = drawn(source, 200)
    for size in (2, 4, 10):  # batches, and what ranks have of them
        for first in range(0, 200, size):
            assert sum(number < 10 for number in order[first : first + size]) == size // 2
    labelled, others = ([n for n in order if (n < 10) == which] for which in (True, False))
    for drawn_from, count in ((labelled, 10), (others, len(pairs))):
        for first in range(0, len(drawn_from) - count + 1, count):
            block = [n if n < 10 else n - 10 for n in drawn_from[first : first + count]]
            assert sorted(block) == list(range(count))
    assert labelled[:10] != labelled[10:20] and drawn(source, 200, seed=4) != order


@pytest.mark.parametrize("count", [1, 3])
def test_balance_is_between_two(count):
    with pytest.raises(UserError, match=f"balanced: {count} sources, expected two"):
        Balanced((LABELLED,) * count)


def seen(source, steps, **given):
    views = {"text": TextView("caption", 12, "labels"), "label": LabelView()}
    stream = batches(source, views, WORDS, batch_size=8, seed=3, stop_step=steps, **{"start_step": 0} | given)
    with stream:
        return [batch for batch in stream]


def test_workers_ranks_and_resuming_change_nothing():
    source = Balanced((LABELLED, PAIRS))
    whole = seen(source, 6)
    same = lambda a, b: all(np.array_equal(a[name], b[name]) for name in a)
    for other in (seen(source, 6, workers=1), seen(source, 6, workers=2)):
        assert len(other) == 6 and all(map(same, whole, other))
    assert all(map(same, whole[4:], seen(source, 6, start_step=4)))
    for rank in (0, 1):
        rows = slice(4 * rank, 4 * rank + 4)
        part = seen(source, 6, rank=rank, ranks=2)
        assert all(same({n: a[rows] for n, a in big.items()}, small) for big, small in zip(whole, part))


def test_halves_are_the_whole_and_have_nothing_in_common():
    halves = [Share(PAIRS, 0, 0.5), Share(PAIRS, 0.5, 1)]
    keys = [[half[i].key for i in range(len(half))] for half in halves]
    assert sorted(sum(keys, [])) == sorted(PAIRS[i].key for i in range(26)) and len(keys[0]) == 13
    order = [PAIRS[i].key for i in range(26)]
    assert all(key == sorted(key, key=order.index) for key in keys)  # neighbours stay neighbours
    assert Share(LABELLED).prompts == LABELLED.prompts and Share(LABELLED).labels().tolist() == [
        r.label for r in map(Share(LABELLED).__getitem__, range(5))
    ]
    balanced = [Share(Balanced((LABELLED, PAIRS)), *ends) for ends in ((0, 0.5), (0.5, 1))]
    assert len({half[i].key for half in balanced for i in range(18)}) == 36
    assert keys[0] != [PAIRS[i].key for i in range(13)]  # a folder of classes would give its first classes only
    with pytest.raises(UserError, match="expected start < stop"):
        Share(PAIRS, 0.5, 0.5)


def test_without_classes(tmp_path):
    file = tmp_path / "names.json"
    file.write_text(json.dumps(["one", {"name": "seven"}]))
    source = WithoutClasses(LABELLED, str(file))
    labels = [LABELLED[i].label for i in range(10)]
    assert [source[i].label for i in range(len(source))] == [
        label for label in labels if DIGITS[label] not in ("one", "seven")
    ]
    assert source.labels().tolist() == [label for label in labels if DIGITS[label] not in ("one", "seven")]
    assert seen(source, 2, workers=1)
    twice = Named(LABELLED, ("one", "two", "one", *DIGITS[3:]))
    left = {record.label for record in map(WithoutClasses(twice, str(file)).__getitem__, range(3))}
    assert not left & {0, 2, 7}  # all classes of the name
    one = tmp_path / "one.txt"
    one.write_text("three, or 3\n")
    comma = Named(LABELLED, ("zero", "one", "two", "three, or 3", *DIGITS[4:]))
    assert 3 not in WithoutClasses(comma, str(one)).labels()
    file.write_text('["owl"]')
    with pytest.raises(UserError, match="'owl', which none of the 10 classes is called"):
        len(WithoutClasses(LABELLED, str(file)))


@pytest.mark.parametrize(
    "source", [PAIRS, Together((LABELLED, PAIRS)), Balanced((LABELLED, PAIRS)), Balanced((PAIRS, LABELLED))]
)
def test_so_many_places_of_the_order_have_a_record_each(source):
    order = [source.order(position, 5) for position in range(source.distinct + 2)]
    assert len(set(order[:-2])) == source.distinct > len(set(order)) - 2


def test_each_source_has_its_account(tmp_path):
    (tmp_path / "t.csv").write_text("path,caption\na.jpg,one\n,two\n")
    table, scenes = CaptionsTable(str(tmp_path / "t.csv")), Scenes(count=10)
    for whole in (Together((table, scenes)), OneAfterAnother((table, scenes)), Balanced((table, scenes))):
        rows, pictures, drawn = whole.account()
        assert (
            (rows, pictures) == table.account()
            and rows.missing == 1
            and drawn == account.Account("Scenes", "records", 10, 10)
        )


def test_a_part_says_what_it_leaves_out(tmp_path):
    scenes = Scenes(count=10)
    for part, taken in ((First(scenes, 4), 4), (First(scenes, 99), 10), (Share(scenes, 0, 0.3), 3)):
        whole, own = part.account()
        assert whole == account.Account("Scenes", "records", 10, 10) and (own.all, own.read) == (10, taken)
        numbers = {int(part._numbers[place]) for place in range(taken)}
        rest = [f"record {number}" for number in range(10) if number not in numbers]
        assert own.passed_over == (
            {"it is not of this part": account.Named(len(rest), tuple(rest[:3]))} if rest else {}
        )
