"""k nearest neighbours against a plain loop and scikit-learn, on features and on a model."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from tandemclip import backends
from tandemclip.core.config.build import build
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.sources.first import First
from tandemclip.core.data.sources.part import Part
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols import k_nearest
from tandemclip.core.evaluation.protocols.k_nearest import KNearest, nearest, votes
from tandemclip.core.serving.model import Model
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.evaluation import Evaluation
from tandemclip.core.training.update import AdamW


def features(count, seed):
    return np.random.default_rng(seed).standard_normal((count, 6)).astype(np.float32)


def plain(learned, taught, asked, k, temperature, classes):
    """Image by image, vote by vote."""
    scores = np.zeros((len(asked), classes))
    for row, own in zip(scores, asked.astype(float)):
        cosines = [own @ each / np.linalg.norm(own) / np.linalg.norm(each) for each in learned.astype(float)]
        for number in sorted(range(len(learned)), key=lambda n: -cosines[n])[:k]:
            row[taught[number]] += np.exp(cosines[number] / temperature)
    return scores / scores.sum(1, keepdims=True)


@pytest.mark.parametrize("k, temperature", [(1, 0.07), (5, 0.07), (5, 10.0), (33, 0.5)])
def test_votes_are_those_of_a_plain_loop(monkeypatch, k, temperature):
    monkeypatch.setattr(k_nearest, "ROWS", 4)
    monkeypatch.setattr(k_nearest, "COLUMNS", 7)  # blocks do not show, and are smaller than k
    learned, asked, taught = features(33, 1), features(10, 2), np.arange(33) % 5
    found = nearest(learned, asked, k)
    assert (np.diff(found[0], axis=1) <= 0).all() and all(len(set(row)) == k for row in found[1])
    scores = np.concatenate([*votes(found, taught, 6, temperature)])
    np.testing.assert_allclose(scores, plain(learned, taught, asked, k, temperature, 6), atol=1e-12)


def test_it_is_scikit_learn_s():
    learned, asked, taught = features(200, 3), features(50, 4), np.random.default_rng(5).integers(0, 7, 200)
    other = KNeighborsClassifier(20, metric="cosine", weights=lambda far: np.exp((1 - far) / 0.07))
    scores = np.concatenate([*votes(nearest(learned, asked, 20), taught, 7, 0.07)])
    np.testing.assert_allclose(scores, other.fit(learned, taught).predict_proba(asked), rtol=1e-5, atol=1e-9)


def test_no_temperature_overflows():
    scores = np.concatenate([*votes(nearest(features(9, 1), features(4, 2), 3), np.arange(9), 9, 1e-5)])
    assert np.isfinite(scores).all() and scores.max(1) == pytest.approx(1)


def test_of_several_classes_each_is_voted_on():
    learned, asked = features(20, 1), features(5, 2)
    present = np.random.default_rng(3).integers(-1, 2, (20, 3)).astype(np.int8)
    found = nearest(learned, asked, 4)
    scores = np.concatenate([*votes(found, present, 3, 0.07)])
    for number in range(3):  # one class at a time, yes against the rest
        alone = np.concatenate([*votes(found, (present[:, number] == 1).astype(int), 2, 0.07)])
        np.testing.assert_allclose(scores[:, number], alone[:, 1], atol=1e-12)


# ------------------------------------------------------------------ on a model
@pytest.fixture(scope="module")
def model(root):
    method = read(root / "configs" / "pretrain" / "tiny_supcon_swin.yaml")[0].method
    return Model(backends.load("torch")(method, initial_weights(method, 0), AdamW()), method, None)


LEARN, ASKED = Scenes(size=32, count=60, digits=1), Scenes(size=32, count=23, split="held_out")  # some without a class


def labels_of(source):
    return np.array([-1 if source[i].label is None else source[i].label for i in range(len(source))])


def test_a_model_is_asked_as_the_loop_is(model):
    protocol = build(Evaluation, {"type": "k_nearest", "source": _scenes(ASKED), "learn": _scenes(LEARN)}, "evaluate")
    assert protocol == KNearest(ASKED, LEARN)
    found = protocol.measure(model)
    assert list(found) == protocol.metrics(model.method) == ["top1", "top5", "mean_per_class"]
    pixels = lambda each: np.stack([model.method.inference_view()(each[i], None, None)[""] for i in range(len(each))])
    encoded = [model.engine.apply("encode_features", pixels(each)) for each in (LEARN, ASKED)]
    wanted = plain(encoded[0], labels_of(LEARN), encoded[1], 20, 0.07, 10).argmax(1)
    labels = labels_of(ASKED)
    assert (labels < 0).any() and np.array_equal(found["top1"].asked, labels >= 0)
    assert np.array_equal(found["top1"].right, wanted == labels) and found["top1"].guessing == pytest.approx(0.1)


def _scenes(source):
    return {"type": "scenes", "size": 32, "count": len(source), "digits": source.digits, "split": source.split}


def test_its_own_pictures_are_nearest(model):
    assert KNearest(LEARN, LEARN, k=1).measure(model)["top1"].share == 1


def test_too_few_to_learn_from(model):
    with pytest.raises(UserError, match="has 9 records with a class, and k is 20; give a smaller k"):
        KNearest(ASKED, First(LEARN, 9)).measure(model)


class Digits(Part):
    """Scenes that say of each of three digits whether it is there, and of the fourth one only now and then."""

    multi_label = True

    def __init__(self, source, names=("one", "two", "three", "four")):
        self.source, self.names = source, names

    def chosen(self):
        return np.arange(len(self.source))

    @property
    def class_names(self):
        return self.names

    @property
    def prompts(self):
        return {"class": [[f"a {name}"] for name in self.names]}

    def class_spaces(self):
        return {"": self.names}

    def __getitem__(self, number):
        record = self.source[number]
        known = ["zero", "one", "two", "three", "four"]
        present = [any(name in thing.phrase for thing in record.objects) for name in known]
        of = dict(zip(known, present)) | ({} if number % 3 else {"four": -1})
        return replace(record, label=None, present=np.array([of[name] for name in self.names], np.int8))


def test_several_classes_in_one_picture_are_compared_by_name(model):
    learn, asked = Digits(Scenes(size=32, count=80, digits=2)), Scenes(size=32, count=60, digits=2, split="held_out")
    found = KNearest(Digits(asked), learn).measure(model)
    assert list(found) == KNearest(Digits(asked), learn).metrics(None) == ["map11"]
    other = KNearest(Digits(asked, ("three", "one", "four", "two")), learn).measure(model)["map11"]
    assert other.share == found["map11"].share and np.array_equal(other.present, found["map11"].present)
    assert 0 < found["map11"].guessing < 1 and found["map11"].undefined == 0


@dataclass(frozen=True)
class Unnamed(Source):
    source: Source

    def __len__(self):
        return len(self.source)

    def __getitem__(self, index):
        return self.source[index]

    def texts(self, limit):
        return iter(())


def test_classes_without_names_are_compared_by_number(model):
    by_number = KNearest(Unnamed(ASKED), Unnamed(LEARN)).measure(model)["top1"]
    named = KNearest(ASKED, LEARN).measure(model)["top1"]
    assert np.array_equal(by_number.right, named.right) and by_number.right.any()
    with pytest.raises(UserError, match="10 classes are learned and 0 others asked"):
        KNearest(Unnamed(ASKED), LEARN).metrics(None)
