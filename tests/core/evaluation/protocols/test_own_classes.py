"""A method is asked for its own classes: by name where both sides have names, else by number, which is told."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.own_classes import BY_NUMBER, OwnClasses
from tandemclip.core.serving.model import Model
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read

LEARNED = tuple("abcdefghij")
SCENES = Scenes(size=32, count=40, split="held_out")  # one digit or two: half of them have a class
ASKED = ("j", "c", "a", "b", "h")  # of the digits 0 to 4


@dataclass(frozen=True)
class Named(Source):
    """The scenes whose digit has a name here, or none, and what the digits are called."""

    names: tuple[str, ...] = ASKED
    says: bool = True
    count: int = SCENES.count

    @property
    def class_names(self):
        return self.names if self.says else ()

    def _kept(self):
        records = [SCENES[number] for number in range(self.count)]
        return [record for record in records if record.label is None or record.label < len(self.names)]

    def __len__(self):
        return len(self._kept())

    def __getitem__(self, number):
        return self._kept()[number]

    def texts(self, limit):
        return SCENES.texts(limit)


@pytest.fixture(scope="module", params=backends.names())
def model(root, request):
    config, _ = read(root / "configs" / "pretrain" / "tiny_cross_entropy_resnet.yaml")
    engine = backends.load(request.param)(config.method, initial_weights(config.method, 3), config.training.update)
    return Model(engine, config.method, None, batch_size=8, class_names=LEARNED)


def by_hand(model, source, number_of):
    """{metric: share} of the scenes that have a class, of the scores of one picture after the other."""
    records = [source[number] for number in range(len(source))]
    view = model.method.inference_view()
    images = np.stack([view(record, np.random.default_rng(0), None)[""] for record in records])
    scores = np.concatenate(
        [model.encode("classify", images[i : i + 8], len(images)) for i in range(0, len(images), 8)]
    )
    rank = [list(np.argsort(-row)) for row in scores]
    asked = [(number_of(record.label), order) for record, order in zip(records, rank) if record.label is not None]
    first = [(right, order[0] == right) for right, order in asked]
    means = [np.mean([hit for right, hit in first if right == each]) for each in {right for right, _ in first}]
    return {
        "top1": np.mean([hit for _, hit in first]),
        "top5": np.mean([right in order[:5] for right, order in asked]),
        "mean_per_class": np.mean(means),
    }


def test_classes_are_compared_by_name(model):
    source = Named()
    found = OwnClasses(source).measure(model)
    wanted = by_hand(model, source, lambda label: LEARNED.index(ASKED[label]))
    assert {name: hits.share for name, hits in found.items()} == pytest.approx(wanted)
    assert wanted != pytest.approx(by_hand(model, source, lambda label: label))
    records = [source[number] for number in range(len(source))]
    for hits in found.values():
        assert not hits.remarks and hits.asked.tolist() == [record.label is not None for record in records]
    assert 0 < found["top1"].queries < len(source) and found["top1"].guessing == pytest.approx(0.1)


@pytest.mark.parametrize("source, learned", [(Named(says=False), LEARNED), (Named(), ())])
def test_without_names_on_either_side_they_are_compared_by_number(model, source, learned):
    found = OwnClasses(source).measure(replace(model, class_names=learned))
    assert {name: hits.share for name, hits in found.items()} == pytest.approx(by_hand(model, source, int))
    assert all(hits.remarks == (BY_NUMBER,) for hits in found.values())


def test_a_class_that_was_not_learned_is_refused_before_and_after_training(model):
    evaluation = OwnClasses(Named(names=("a", "b", "?", "d", "e")))
    for ask in (lambda: evaluation.measure(model), lambda: evaluation.check(model.method, LEARNED)):
        with pytest.raises(UserError, match="1 of 5 classes are none of the 10 that were learned, the first is '\\?'"):
            ask()
    evaluation.check(model.method, ())
    assert evaluation.metrics(model.method) == ["top1", "top5", "mean_per_class"]


class Several(Named):
    """The same scenes, that say of each of the named digits whether it is the one."""

    multi_label = True

    def __getitem__(self, number):
        record = super().__getitem__(number)
        present = np.array([record.label == place for place in range(len(self.names))], np.int8)
        return replace(record, label=None, present=present)


def test_several_classes_in_one_picture_are_compared_by_name(model):
    source = Several()
    found = OwnClasses(source).measure(model)
    assert list(found) == OwnClasses(source).metrics(model.method) == ["map11"]
    view = model.method.inference_view()
    images = np.stack([view(source[i], None, None)[""] for i in range(len(source))])
    scores = np.concatenate(
        [model.encode("classify", images[start : start + 8], len(images)) for start in range(0, len(images), 8)]
    )
    np.testing.assert_allclose(found["map11"].scores, scores[:, [LEARNED.index(name) for name in ASKED]], rtol=1e-5)
    assert np.array_equal(found["map11"].present, [source[i].present for i in range(len(source))])


def test_a_method_that_has_none_is_refused(root):
    config, _ = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")
    engine = backends.load("torch")(config.method, initial_weights(config.method, 3), config.training.update)
    for told in (
        lambda: OwnClasses(SCENES).metrics(config.method),
        lambda: OwnClasses(SCENES).measure(Model(engine, config.method, None)),
    ):
        with pytest.raises(UserError, match="own_classes: CLIP has no classes of its own; measure it by its texts"):
            told()
