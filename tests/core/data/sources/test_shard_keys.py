"""Which members of a tar file make up a record."""

import itertools

import pytest

from tandemclip.core.data.sources.kinds import is_picture
from tandemclip.core.data.sources.shard_keys import NO_KEY, NO_KIND, grouped
from tandemclip.core.errors import UserError


@pytest.mark.parametrize("names, records", [
    ("a.png a.txt", {"a": "a.png a.txt"}),
    ("a.input.png a.txt", {"a": "a.input.png a.txt"}),
    ("IMG_1.0.png IMG_1.0.txt", {"IMG_1": "IMG_1.0.png IMG_1.0.txt"}),
    ("a.1.png a.1.txt a.png a.txt", {"a.1": "a.1.png a.1.txt", "a": "a.png a.txt"}),
    ("a.txt a.1.txt a.png a.1.png", {"a": "a.txt a.png", "a.1": "a.1.txt a.1.png"}),
    ("a.1.png a.2.txt", {"a.1": "a.1.png", "a.2": "a.2.txt"}),  # no pair, though they have one key
    ("a.v2.final.png a.v1.final.png a.v2.final.json", {"a.v2.final": "a.v2.final.png a.v2.final.json",
                                                       "a.v1.final": "a.v1.final.png"}),
    ("a.png a.rois.npy a.cls", {"a": "a.png a.rois.npy a.cls"}),
    ("a.1.png a.1.rois.npy a.2.png a.2.ROIS.npy", {"a.1": "a.1.png a.1.rois.npy", "a.2": "a.2.png a.2.ROIS.npy"}),
    ("x.y/a.png x.y/a.txt x/a.txt", {"x.y/a": "x.y/a.png x.y/a.txt", "x/a": "x/a.txt"}),
    ("a.JPG a.Txt b.jpeg", {"a": "a.JPG a.Txt", "b": "b.jpeg"}),
])  # fmt: skip
def test_pairs_are_right_in_any_order(names, records):
    for order in itertools.permutations(names.split()):
        found = grouped(order, "x.tar")
        assert {key: set(kinds.values()) for key, kinds in found.records.items()} == {
            key: set(own.split()) for key, own in records.items()
        }
        assert not found.no_key


@pytest.mark.parametrize("names, words", [
    ("a.jpg a.png a.txt", "x.tar has two pictures of one key, a.jpg and a.png"),
    ("a.jpg b.txt a.JPG", "a.jpg and a.JPG"),
    ("a.png a.txt a.TXT", "two of txt of one key, a.txt and a.TXT"), ("a.1.png a.1.jpg a.2.png", "a.1.png and a.1.jpg"),
])  # fmt: skip
def test_what_is_still_of_one_key_and_kind_is_an_error_that_names_both(names, words):
    with pytest.raises(UserError, match=words):
        grouped(names.split(), "x.tar")


def test_what_is_in_no_record_is_told():
    found = grouped(["a", ".b.png", "c.", "d.npy", "d.png", "e.tar.gz"], "x.tar")
    assert found.no_key == {NO_KEY: ["a", ".b.png", "c."], NO_KIND: ["d.npy", "e.tar.gz"]}
    assert found.others == {"d": ["d.npy"], "e": ["e.tar.gz"]} and found.records == {"d": {"image": "d.png"}}
    assert found.split == []


def test_pictures_by_their_ending():
    assert all(map(is_picture, ("a.jpg", "a.b.PNG", "a.jfif", "a.jpe", "a.ppm", "a.AVIF", "a.JP2")))
    assert not any(map(is_picture, ("jpg", "a.jpg.txt", "a.heic", "a.", "a", "a.jpg~")))
