"""What ships of data sets and suites is what the papers say."""

import json

import pytest

from tandemclip.core.config import shipped
from tandemclip.core.data.sources.class_names import FOLDER, repeated
from tandemclip.core.data.sources.part import Part
from tandemclip.core.evaluation.suites.data_set import DATA, read_data_set
from tandemclip.core.evaluation.suites.suite import read_suite

TABLE_7 = {  # of PyramidCLIP: images to train on (train and validation together) and to test on, and the metric
    "cifar10": (50_000, 10_000, "top1"), "cifar100": (50_000, 10_000, "top1"), "dtd": (3_760, 1_880, "top1"),
    "stanford_cars": (8_144, 8_041, "top1"), "food101": (75_750, 25_250, "top1"),
    "oxford_pets": (3_680, 3_669, "mean_per_class"), "flowers102": (2_040, 6_149, "mean_per_class"),
    "fgvc_aircraft": (6_667, 3_333, "mean_per_class"), "sun397": (19_850, 19_850, "top1"),
    "caltech101": (3_060, 6_085, "mean_per_class"), "imagenet": (1_281_167, 50_000, "top1"),
}  # fmt: skip
OTHERS = {"hateful_memes": "roc_auc", "voc2007": "map11", "flickr30k": "i2t/R@1", "mscoco": "i2t/R@1"}


@pytest.fixture(scope="module")
def sets():
    return {name: read_data_set(name, "/data") for name in shipped.data_sets()}


def test_the_counts_and_metrics_are_table_7_s(sets):
    for name, (learn, asked, metric) in TABLE_7.items():
        images = sets[name].images
        assert (images.learn + (images.validation or 0), images.source, sets[name].metric) == (learn, asked, metric), (
            name
        )
    assert {name: sets[name].metric for name in OTHERS} == OTHERS
    assert all(set(each.roles) == {r for r in each.roles if getattr(each.images, r)} for each in sets.values())


def archives(sets):
    """Without those that are drawn."""
    return {name: each for name, each in sets.items() if each.origin != "built in"}


def inner(source):
    return inner(source.source) if isinstance(source, Part) else source


def test_every_class_is_put_into_imagenet_s_templates(sets):
    """But for KITTI, whose classes are whole sentences: it has the prompts that come with it."""
    own = {
        name
        for name, each in archives(sets).items()
        if each.metric != "i2t/R@1" and inner(each.source).templates != "imagenet"
    }
    assert own == {"kitti_distance"}


def test_the_origin_says_where_to_put_what(sets):
    for name, each in archives(sets).items():
        assert name.startswith("local_") or name in ("flickr8k_dev", "coco_val") or f" {DATA}/" in f" {each.origin}", (
            name
        )
        for source in map(inner, each.roles.values()):
            where = source.paths if hasattr(source, "paths") else source.path
            assert where.startswith("/data/")
            if f"{DATA}/" in each.origin:
                assert f"{DATA}/{where.split('/')[2]}/" in each.origin, name


def test_the_suites_are_those_of_the_papers():
    suites = {name: read_suite(name).sets for name in shipped.suites()}
    assert set(suites["pyramidclip11"]) == set(TABLE_7) and len(suites["unicl20"]) == 20
    changed = {"stanford_cars", "fgvc_aircraft", "imagenet"}, {"stl10", "fer2013"}
    assert set(suites["lightclip10"]) == set(TABLE_7) - changed[0] | changed[1]
    assert all(entries == ["retrieval"] for entries in suites["retrieval"].values())
    named = {name for sets in suites.values() for name in sets}
    assert set(shipped.data_sets()) - named == {f"imagenet_{kind}" for kind in ("v2", "a", "r", "sketch")}


def test_lists_of_names_are_whole():
    found = {path.stem: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}
    counts = {"imagenet": 1000, "flowers102": 102, "gtsrb": 43, "eurosat": 10, "country211": 211}
    assert {name: len(names) for name, names in found.items()} == counts
    ids, names = zip(*found["imagenet"].values())
    assert list(ids) == sorted(ids) and list(found["imagenet"]) == list(map(str, range(1000)))
    assert set(repeated(names)) == {"missile", "sunglasses"}  # so CLIP has them
    assert found["imagenet"]["0"] == ["n01440764", "tench"] and found["imagenet"]["999"] == [
        "n15075141",
        "toilet paper",
    ]
    assert list(found["country211"]) == sorted(found["country211"]) and found["country211"]["ZW"] == "Zimbabwe"
    for name in ("flowers102", "gtsrb"):
        assert not repeated(found[name])
