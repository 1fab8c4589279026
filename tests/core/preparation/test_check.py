"""What `check` tells of a data set: each figure against the data it was made of."""

import itertools
import json
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest

from tandemclip.core.data.account import Account, Named
from tandemclip.core.data.loading.bad_records import read as read_bad
from tandemclip.core.data.loading.bad_records import write as write_bad
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.sources.shard_writer import write_shard
from tandemclip.core.data.sources.shards import Shards
from tandemclip.core.data.sources.together import Together
from tandemclip.core.data.tokenizers.clip import ClipTokenizer
from tandemclip.core.data.tokenizers.tokenizer import ClipBpe
from tandemclip.core.preparation.check import CAPTION, Reader
from tandemclip.core.preparation.check_report import advice, check, equal_captions, expected_pairs, rows
from tandemclip.core.training.config import read

CAPTIONS = [["a", "b", "b"], ["b"], ["c", "a"], ["a"], ["d", "d"], ["b", "c", "d", "a"]]


def table(captions):
    """As `check` keeps it."""
    numbers = {text: number for number, text in enumerate(sorted({text for own in captions for text in own}))}
    return np.array(
        [(numbers[text], i, own.count(text), len(own)) for i, own in enumerate(captions) for text in sorted(set(own))],
        CAPTION,
    )


def pairs(drawn):
    return sum(a == b for a, b in itertools.combinations(drawn, 2))


@pytest.mark.parametrize("batch", [2, 3, 6])
def test_the_expected_number_of_equal_pairs_is_the_mean_over_all_batches(batch):
    means = [
        np.mean([pairs(drawn) for drawn in itertools.product(*chosen)])
        for chosen in itertools.combinations(CAPTIONS, batch)
    ]
    assert expected_pairs(equal_captions(table(CAPTIONS)), len(CAPTIONS), batch) == pytest.approx(
        np.mean(means), rel=1e-12
    )


def test_the_expected_number_of_equal_pairs_is_what_drawing_gives():
    rng = np.random.default_rng(0)
    captions = [[str(text) for text in rng.integers(0, 30, rng.integers(1, 6))] for _ in range(60)]
    found = []
    for _ in range(4000):
        found.append(pairs([captions[i][rng.integers(len(captions[i]))] for i in rng.permutation(60)[:16]]))
    expected = expected_pairs(equal_captions(table(captions)), 60, 16)
    assert abs(np.mean(found) - expected) < 4 * np.std(found) / len(found) ** 0.5
    assert expected > 2


def test_a_batch_of_one_has_no_pairs():
    assert expected_pairs(0.0, 1, 1) == 0 and expected_pairs(5.0, 10, 1) == 0


def jpeg(height, width):
    pixels = np.random.default_rng(height * width).integers(0, 255, (height, width, 3), np.uint8)
    return cv2.imencode(".jpg", pixels)[1].tobytes()


@pytest.fixture
def config(root, tmp_path):
    """300 records (more than one stretch), most of them "a dog N of X", some with a defect each."""
    samples = [
        {"jpg": jpeg(20, 30), "json": {"captions": [f"a dog {n} of {n * n}", f"dog {n}"]}, "cls": b"%d" % (n % 3)}
        for n in range(300)
    ]
    samples[1]["json"] = {"captions": ["The same", "the  SAME", "the same"]}
    samples[2]["json"] = {"captions": ["the same", "&nbsp;"]}  # blank to the tokenizer, and " " to every source
    samples[3]["json"] = {"captions": [" ".join(["word"] * 6), " ".join(["word"] * 7), " ".join(["word"] * 99)]}
    samples[4]["json"] = {"captions": ["&nbsp;", "&#32;"]}
    samples[5]["json"] = {"captions": []}
    samples[6]["jpg"] = samples[6]["jpg"][:-200]
    samples[290]["jpg"] = b""
    samples[7]["cls"] = b"5"
    samples[7]["txt"] = b"something else"
    samples[11]["json"]["captions"] += [" "]
    samples[12]["npy"] = b""
    samples[8]["jpg"], samples[9]["jpg"] = jpeg(8, 100), jpeg(90, 12)
    del samples[10]["cls"]
    encoded = [
        (
            f"{n:03d}",
            {kind: part if isinstance(part, bytes) else json.dumps(part).encode() for kind, part in sample.items()},
        )
        for n, sample in enumerate(samples)
    ]
    write_shard(tmp_path / "0.tar", encoded)
    config, _ = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")
    text = replace(config.method.text, vocab_size=49408, context_length=8)
    data = replace(config.data, train=Shards(str(tmp_path / "*.tar")), tokenizer=ClipBpe())
    return replace(config, method=replace(config.method, text=text), data=data)


@pytest.mark.parametrize("workers", [0, 2])
def test_every_defect_is_counted_and_named(config, workers, capsys):
    report = check(replace(config, data=replace(config.data, workers=workers)))
    json.dumps(report)
    assert report["records"] == 300
    shards, decoded = map(Account.from_json, report["accounts"])
    assert (shards.all, shards.read) == (301 + 299 + 300 + 1, 900)
    assert shards.passed_over == {"its ending is none that is read": Named(1, ("0.tar:012.npy",))}
    assert (decoded.all, decoded.read) == (300, 296)
    passed = {reason: (named.count, [key[-3:] for key in named.first]) for reason, named in decoded.passed_over.items()}
    assert passed == {
        "its captions have no words": (1, ["004"]), "it has no caption": (1, ["005"]),
        "no whole image of a kind that OpenCV knows (JPEG, PNG, WebP, BMP, TIFF ...)": (1, ["006"]),
        "the image file is empty": (1, ["290"]),
    }  # fmt: skip
    assert {reason: named.count for reason, named in decoded.remarks.items()} == {
        "its txt says something else than its json, which is taken": 1, "blank caption": 1,
    }  # fmt: skip
    reasons = {entry["number"]: entry["why"] for entry in report["bad"]}
    assert sorted(reasons) == [4, 5, 6, 290]
    assert "no words" in reasons[4] and reasons[5] == "it has no caption"
    assert "no whole image" in reasons[6] and "empty" in reasons[290]
    assert [entry["key"][-3:] for entry in report["bad"]] == ["004", "005", "006", "290"]
    assert report["images"]["height"] == [8, 90] and report["images"]["width"] == [12, 100]
    assert report["images"]["read_and_decoded_per_second_by_one_process"] > 1
    captions = report["captions"]
    ours, lengths = ClipTokenizer(), []
    for number in set(range(300)) - {6, 290}:
        lengths += [len(ours.encode(caption)) for caption in config.data.train[number].captions]
    assert captions["cut"] == sum(length > 6 for length in lengths) > 2  # start and end take two of the eight
    assert captions["empty"] == 3 == lengths.count(0)
    assert captions["count"] == len(lengths) - 2  # those of the bad record 4 are of no use
    assert captions["most_frequent"]["times"] == 4 and captions["most_frequent"]["caption"].lower().split() == [
        "the",
        "same",
    ]
    assert report["labels"]["records"] == {"0": 99, "1": 97, "2": 98, "5": 1}
    assert report["labels"]["without_images"] == ["3", "4"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("read 300/300")


def test_pairs_are_those_that_the_model_sees(config):
    """Equal once they are cut and lower-case; bad records are not drawn."""
    report = check(replace(config, data=replace(config.data, workers=0)))
    source, good = config.data.train, sorted(set(range(300)) - {4, 5, 6, 290})
    ids = [[row.tobytes() for row in ClipTokenizer()(list(source[n].captions), 8)] for n in good]
    shares = sum(np.mean([a == b for a in one for b in other]) for one, other in itertools.combinations(ids, 2))
    labels = [source[n].label for n in good]
    same = sum(a == b is not None for a, b in itertools.combinations(labels, 2))
    assert report["batch_size"] == 8
    assert report["captions"]["equal_pairs_in_a_batch"] == pytest.approx(shares * 8 * 7 / (296 * 295), rel=1e-9)
    assert report["labels"]["equal_pairs_in_a_batch"] == pytest.approx(same * 8 * 7 / (296 * 295), rel=1e-12)
    texts = [text for own in ids for text in own]
    assert report["captions"]["repeated"] == len(texts) - len(set(texts))


def test_classes_that_the_source_names_and_lacks(config, tmp_path):
    (tmp_path / "names.json").write_text(json.dumps(["ant", "bee", "cat", "dog", "eel", "fox", "gnu"]))
    source = Shards(config.data.train.paths, classes=str(tmp_path / "names.json"))
    report = check(replace(config, data=replace(config.data, train=source, workers=0)))
    assert report["labels"]["without_images"] == ["3 (dog)", "4 (eel)", "6 (gnu)"]


def test_classes_of_several_sources_and_names_of_several_classes(config, tmp_path):
    (tmp_path / "names.json").write_text(json.dumps(["crane", "bee", "Crane", "dog", "eel", "fox"]))
    shards = Shards(config.data.train.paths, classes=str(tmp_path / "names.json"))
    scenes = Scenes(size=32, count=5, digits=1)
    source = Together((shards, scenes))
    report = check(replace(config, data=replace(config.data, train=source, workers=0)))
    assert report["labels"]["of_one_name"] == ["0 0 (crane)", "0 2 (Crane)"] and "share a name" in advice(
        report, tmp_path
    )
    records = report["labels"]["records"]
    assert records["0 0"] == 99 and sum(count for label, count in records.items() if label.startswith("1 ")) == 5
    assert f"1 {scenes[0].label}" in records and {"0 3 (dog)", "0 4 (eel)"} <= set(report["labels"]["without_images"])
    pairs = lambda counts: sum(n * (n - 1) / 2 for n in counts)
    wanted = expected_pairs(pairs(records.values()), report["records"] - len(report["bad"]), report["batch_size"])
    assert report["labels"]["equal_pairs_in_a_batch"] == pytest.approx(wanted)


def test_a_batch_is_no_larger_than_the_data(config):
    report = check(replace(config, training=replace(config.training, batch_size=10_000)))
    assert report["batch_size"] == 296


def test_data_without_a_defect(root):
    config, _ = read(
        root / "configs" / "pretrain" / "tiny_clip_vit.yaml", {"data": {"train": {"count": 40, "noise": 0.0}}}
    )
    report = check(config)
    assert not report["bad"] and report["captions"]["empty"] == report["captions"]["cut"] == 0
    assert report["images"]["height"] == report["images"]["width"] == [32, 32]
    single = [scene for scene in (config.data.train[n] for n in range(40)) if scene.label is not None]
    assert sum(report["labels"]["records"].values()) == len(single)


def test_advice_is_one_line(config):
    report = check(replace(config, data=replace(config.data, workers=0)))
    assert advice(report, "b.txt").startswith("train with --set data.bad_records=b.txt; ")
    assert "are cut: raise method.text.context_length" in advice(report, "b.txt")
    report["bad"], report["captions"]["cut"], report["captions"]["equal_pairs_in_a_batch"] = [], 2, 0.1
    assert re.fullmatch(r"1 members of tar files of .*tar were passed over, see above", advice(report, "b.txt"))
    report["accounts"][0] = Account("x", "members", 9, 9).to_json()
    assert advice(report, "b.txt") == "nothing stands in the way of training"
    report["captions"]["equal_pairs_in_a_batch"] = 0.3  # of a batch of 8: 7% of the rows have a double
    assert "many captions of a batch are equal" in advice(report, "b.txt")
    report["bad"] = [None] * 151
    assert advice(report, "b.txt").startswith("more than half of the records cannot be used")
    assert all(isinstance(cell, str) for row in rows(report) for cell in row)


def test_what_was_found_is_a_list_that_is_read(config, tmp_path):
    report = check(replace(config, data=replace(config.data, workers=0)))
    write_bad(tmp_path / "bad.txt", report["records"], [tuple(entry.values()) for entry in report["bad"]])
    assert read_bad(str(tmp_path / "bad.txt"), config.data.train) == {4, 5, 6, 290}


def test_objects_alone_need_no_caption():
    """Only a method that reads captions makes a record without one a bad one."""

    class Wordless(Scenes):
        def __getitem__(self, index):
            return replace(super().__getitem__(index), captions=())

    for needs, bad in ((True, 5), (False, 0)):
        found = Reader(Wordless(count=5, size=16), ClipTokenizer(), 8, needs)(range(5))
        assert len(found.bad) == bad
