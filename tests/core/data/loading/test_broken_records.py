"""Records that cannot be read, and the list of those that are known: nothing else may change because of them."""

import numpy as np
import pytest

from tandemclip.core.data.loading.loader import batches
from tandemclip.core.data.sources.order import index
from tandemclip.core.data.sources.shards import Shards
from tandemclip.core.data.views.image import ImageView
from tandemclip.core.data.views.label import LabelView
from tandemclip.core.errors import UserError

LABELS = {"label": LabelView()}


def collect(source, views, **options):
    with batches(source, views, None, **options) as loader:
        return list(loader), loader.broken


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_rare_broken_records_train_and_more_of_them_stop_the_run(tmp_path, write_pointers, workers):
    """0.05% and 1%; in both cases all other records stand where they do in data without broken ones."""
    rare, often = range(1000, 22_000, 2000), range(50, 22_000, 100)
    order = [index(position, 22_000, 3) for position in range(22_000)]

    source = Shards(write_pointers(tmp_path / "rare.tar", 22_000, rare))
    loaded, named = collect(source, LABELS, batch_size=200, seed=3, start_step=0, stop_step=110, workers=workers)
    labels = np.concatenate([batch["label"] for batch in loaded])
    assert len(rare) == 11 and sorted(int(key.rsplit(":")[-1]) for key in named) == list(rare)
    assert [label for label, number in zip(labels, order) if number not in rare] == [n for n in order if n not in rare]
    assert not set(labels[np.isin(order, rare)]) & set(rare)

    source, seen = Shards(write_pointers(tmp_path / "often.tar", 22_000, often)), []
    with batches(source, LABELS, None, batch_size=200, seed=3, start_step=0, stop_step=110, workers=workers) as loader:
        with pytest.raises(
            UserError, match=r"of the first \d+ records are broken.*often.tar:\d+: its json is not as documented"
        ):
            for batch in loader:
                seen.extend(batch["label"])
    assert 400 < len(seen) < 4000
    assert [label for label, number in zip(seen, order) if number not in often] == [
        number for number in order[: len(seen)] if number not in often
    ]


@pytest.mark.parametrize("workers", [0, 2])
def test_records_that_are_known_to_be_bad_are_replaced_unread_and_uncounted(tmp_path, write_pointers, workers):
    bad = frozenset(range(0, 1000, 4))  # a quarter
    source = Shards(write_pointers(tmp_path / "x.tar", 1000, bad))
    options = {"batch_size": 50, "seed": 4, "start_step": 0, "stop_step": 20}
    loaded, named = collect(source, LABELS, **options, workers=workers, bad=bad)
    labels = np.concatenate([batch["label"] for batch in loaded])
    order = np.array([index(position, 1000, 4) for position in range(1000)])
    assert np.array_equal(labels[~np.isin(order, list(bad))], order[~np.isin(order, list(bad))])
    assert not bad & set(labels) and all(len(set(batch["label"])) == 50 for batch in loaded)
    assert named == []


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_batch_of_all_good_records_has_each_of_them_once(tmp_path, write_pointers, ranks):
    """What replaces a record is no other's replacement either, also where another rank has that."""
    bad = frozenset(range(0, 24, 2))
    source = Shards(write_pointers(tmp_path / "x.tar", 24, bad))
    options = {"batch_size": 12, "seed": 0, "start_step": 0, "stop_step": 40, "bad": bad, "ranks": ranks}
    parts = [collect(source, LABELS, **options, rank=rank)[0] for rank in range(ranks)]
    for step in zip(*parts, strict=True):
        assert sorted(np.concatenate([part["label"] for part in step])) == sorted(set(range(24)) - bad)


def test_where_no_other_record_is_left_for_a_batch_the_run_stops(tmp_path, write_pointers):
    source = Shards(write_pointers(tmp_path / "x.tar", 12, {5}))
    with pytest.raises(UserError, match=r"x.tar:\d+5: .*all others stand in its batch already.*training.batch_size"):
        collect(source, LABELS, batch_size=12, seed=0, start_step=0, stop_step=1)


def test_a_run_can_tell_how_many_were_replaced(tmp_path, write_pointers):
    source = Shards(write_pointers(tmp_path / "x.tar", 40, {7, 9}))
    with batches(source, LABELS, None, batch_size=10, seed=0, start_step=0, stop_step=8) as loader:
        list(loader)
    assert loader.replaced().startswith("2 broken records met, 4 times, and others read in their place: ")
    assert all(key in loader.replaced() for key in loader.broken)


def test_a_list_changes_nothing_where_the_records_are_broken_anyway(tmp_path, write_shards):
    source = Shards(write_shards(tmp_path, count=60, broken={7, 31}))
    options = {"batch_size": 10, "seed": 1, "start_step": 0, "stop_step": 6}
    found, named = collect(source, {"image": ImageView(8), **LABELS}, **options)
    known, unnamed = collect(source, {"image": ImageView(8), **LABELS}, **options, bad=frozenset({7, 31}))
    for one, other in zip(found, known, strict=True):
        assert all(np.array_equal(one[name], other[name]) for name in one)
    assert len(named) == 2 and not unnamed
