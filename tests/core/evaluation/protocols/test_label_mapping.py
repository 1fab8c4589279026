"""A classifier is asked about other classes by those of its own that stand for them; what has none counts as wrong."""

from dataclasses import replace

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core.config.build import build
from tandemclip.core.data.views.wordnet import wordnet
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.label_mapping import LabelMapping, mapped, on_mapping
from tandemclip.core.serving.model import Model
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.evaluation import Evaluation
from tandemclip.tests.core.data.views.small_wordnet import write
from tandemclip.tests.core.evaluation.protocols.test_own_classes import Named

LEARNED = ("tabby, cat", "truck", "pug", "lynx", "dog", "a", "cat", "b", "c", "d")
ASKED = Named(names=("dog", "ship", "cat", "wild_cat", "bird", "horse"))  # of the digits 0 to 5
PLACES = np.array([2, -1, -1, -1, 0, -1, 2, -1, -1, -1])


@pytest.fixture(scope="module", params=backends.names())
def model(root, request):
    config, _ = read(root / "configs" / "pretrain" / "tiny_cross_entropy_resnet.yaml")
    engine = backends.load(request.param)(config.method, initial_weights(config.method, 3), config.training.update)
    return Model(engine, config.method, None, batch_size=8, class_names=LEARNED)


@pytest.fixture
def kinds(tmp_path, monkeypatch):
    """A WordNet in which pugs are dogs and a lynx is a wild cat."""
    nouns = [["dog"], ["pug"], ["wild_cat"], ["lynx"]]
    senses = {"noun": nouns} | {part: [["x"]] for part in ("verb", "adj", "adv")}
    monkeypatch.setenv("WNSEARCHDIR", str(write(tmp_path, {}, senses, {"pug": ["dog"], "lynx": ["wild_cat"]})))


def by_hand(model, places):
    """(right, in the first five right, asked) of each picture: by the sum of its likelihoods of the own classes."""
    view = model.method.inference_view()
    records = [ASKED[number] for number in range(len(ASKED))]
    images = np.stack([view(record, np.random.default_rng(0), None)[""] for record in records])
    rows = [model.encode("classify", images[i : i + 8], len(images)) for i in range(0, len(images), 8)]
    found = []
    for record, row in zip(records, np.float64(np.concatenate(rows))):
        likely = np.exp(row) / np.exp(row).sum()
        sums = {place: likely[places == place].sum() for place in {*places} - {-1}}
        order = sorted(sums, key=lambda place: -sums[place])
        found.append((order[0] == record.label, record.label in order[:5], record.label is not None))
    return np.array(found).T


@pytest.mark.parametrize("by", ["name", "wordnet"])
def test_pictures_are_of_the_class_that_is_stood_for(model, kinds, by):
    protocol, places = LabelMapping(ASKED, by), PLACES.copy()
    if by == "wordnet":
        places[[2, 3]] = 0, 3
    protocol.check(model.method, LEARNED)
    found = protocol.measure(model)
    assert [*found] == protocol.metrics(model.method) == ["top1", "top5", "mean_per_class"]
    right, among, asked = by_hand(model, places)
    assert found["top1"].right.tolist() == right.tolist() and found["top5"].right.tolist() == among.tolist()
    assert found["top1"].asked.tolist() == asked.tolist() and found["top1"].guessing == pytest.approx(1 / 6)
    stand, without = (3, 4) if by == "name" else (5, 3)
    assert found["top1"].remarks == (
        f"{stand} of 10 classes that were learned stand for one of the 6 that are asked, by {by}",
        f"{without} of these have none and count as wrong, such as 'ship'",
    )


def test_likelihoods_of_one_class_are_added_up():
    logits = np.log([[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]])
    found = mapped(np.float32(logits + [[5.0], [700.0]]), np.array([1, -1, 1, 3]), 4)
    assert np.exp(found[:, 1] - found[:, 3]) == pytest.approx([0.4 / 0.4, 0.6 / 0.1], rel=1e-4)
    assert np.isneginf(found[:, [0, 2]]).all() and found.dtype == np.float64


def test_all_that_have_one_need_no_second_remark():
    assert on_mapping(np.array([1, 0, -1]), ("a", "b"), "name") == (
        "2 of 3 classes that were learned stand for one of the 2 that are asked, by name",
    )


@pytest.fixture(scope="module")
def method(root):
    return read(root / "configs" / "pretrain" / "tiny_cross_entropy_resnet.yaml")[0].method


def test_what_cannot_be_mapped_is_told_before_anything_is_asked(method, root, kinds):
    protocol = LabelMapping(ASKED)
    with pytest.raises(UserError, match="the checkpoint does not say what its classes are called; train it on"):
        protocol.check(method, ())
    with pytest.raises(UserError, match="none of the 2 classes .* such as 'pug', stands for one of the 6 .*by=wordnet"):
        protocol.check(method, ("pug", "x"))
    LabelMapping(ASKED, "wordnet").check(method, ("pug", "x"))
    with pytest.raises(UserError, match="none of the 1 classes .*; ask about other data"):
        LabelMapping(ASKED, "wordnet").check(method, ("x",))
    with pytest.raises(UserError, match="the source does not say what its classes are called; give it `classes`"):
        LabelMapping(replace(ASKED, says=False)).metrics(method)
    clip = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")[0].method
    with pytest.raises(UserError, match="CLIP has no classes of its own; measure it by its texts"):
        protocol.metrics(clip)


def test_what_wordnet_says_is_part_of_what_is_asked(kinds):
    scenes = {"type": "scenes", "size": 32, "count": 9}
    by_name, by_kind = (
        build(Evaluation, {"type": "label_mapping", "source": scenes, **by}) for by in ({}, {"by": "wordnet"})
    )
    assert isinstance(by_name, LabelMapping) and "wordnet" not in by_name.identity()
    assert by_kind.identity() == {**by_name.identity(), "wordnet": by_kind.identity()["wordnet"]}
    assert by_kind.identity()["wordnet"].sha256 == wordnet().hash()
