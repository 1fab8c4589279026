"""CLIP's linear probe: features as they are, a strength that the validation split chooses, scikit-learn's answers."""

import re
from dataclasses import dataclass, replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tandemclip import backends
from tandemclip.core.config.build import build
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.sources.source import Source
from tandemclip.core.evaluation.protocols.learned import held_out
from tandemclip.core.evaluation.protocols.parametric_probe import ParametricProbe
from tandemclip.core.evaluation.protocols.strength import search, strength_at
from tandemclip.core.scored import AveragePrecision
from tandemclip.core.serving.model import Model
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.evaluation import Evaluation
from tandemclip.core.training.update import AdamW

LEARN = Scenes(size=32, count=60, digits=1)
VALIDATION = Scenes(size=32, count=41, digits=2, seed=1)  # half of them have a class
ASKED = Scenes(size=32, count=33, digits=2, split="held_out")


@pytest.fixture(scope="module", params=backends.names())
def model(root, request):
    method = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")[0].method
    engine = backends.load(request.param)(method, initial_weights(method, 2), AdamW())
    return Model(engine, method, None, batch_size=20)


def read_by_hand(model, source):
    """[N, D] features in front of the projection, [N] classes."""
    view = model.method.inference_view()
    records = [source[number] for number in range(len(source))]
    images = np.stack([view(record, None, None)[""] for record in records])
    features = [model.encode("encode_features", images[i : i + 20], len(images)) for i in range(0, len(images), 20)]
    return np.concatenate(features), np.array([-1 if each.label is None else each.label for each in records])


def strength_told(statistic):
    told = float(re.match(r"the strength of L2 is (\S+), the best of \d+ on", statistic.remarks[0])[1])
    return min(map(strength_at, range(97)), key=lambda strength: abs(np.log(strength / told)))


def sklearns(learned, labels, strength):
    return LogisticRegression(C=1 / strength, max_iter=1000).fit(learned, labels)


def test_with_a_validation_split(model):
    found = ParametricProbe(ASKED, LEARN, VALIDATION).measure(model)
    (learned, labels), (held, held_labels), (asked, wanted) = (
        read_by_hand(model, each) for each in (LEARN, VALIDATION, ASKED)
    )
    assert learned.shape[1] == model.method.image.feature_dim != model.method.image.embed_dim
    known = held_labels >= 0
    strength = search(lambda each: np.mean(sklearns(learned, labels, each).predict(held[known]) == held_labels[known]))
    assert found["top1"].remarks[0].endswith(f"on the {known.sum()} images of `validation`")
    assert strength_told(found["top1"]) == pytest.approx(strength)
    both = sklearns(np.concatenate([learned, held[known]]), np.concatenate([labels, held_labels[known]]), strength)
    assert [*found] == ParametricProbe(ASKED, LEARN, VALIDATION).metrics(model.method)
    assert found["top1"].asked.tolist() == (wanted >= 0).tolist() and 0 < found["top1"].queries < 33
    assert found["top1"].right.tolist() == ((both.predict(asked) == wanted) & (wanted >= 0)).tolist()
    order = both.classes_[np.argsort(-both.decision_function(asked[wanted >= 0]), 1)]
    assert found["top1"].answers.first.tolist() == order[:, :5].tolist()
    assert found["top5"].guessing == pytest.approx(0.5) and found["mean_per_class"].share < 1


def test_without_one_a_fifth_is_held_out_and_learned_in_the_end(model):
    found = ParametricProbe(ASKED, LEARN).measure(model)["top1"]
    assert found.remarks[0].endswith("on 12 images of `learn`, held out at random as there is no `validation`")
    (learned, labels), (asked, wanted) = read_by_hand(model, LEARN), read_by_hand(model, ASKED)
    rest, held = held_out(labels, 0.2, "parametric probe")
    answers = lambda each: sklearns(learned[rest], labels[rest], each).predict(learned[held])
    chosen = search(lambda each: np.mean(answers(each) == labels[held]))
    assert strength_told(found) == pytest.approx(chosen)
    last = sklearns(learned, labels, chosen)
    assert found.right.tolist() == ((last.predict(asked) == wanted) & (wanted >= 0)).tolist()


# ------------------------------------------------------------------ names, and several classes in a picture
@dataclass(frozen=True)
class Others(Source):
    """The same scenes, with the classes in another order."""

    source: Scenes
    class_names = Scenes().class_names[::-1]

    def __len__(self):
        return len(self.source)

    def __getitem__(self, index):
        record = self.source[index]
        return replace(record, label=None if record.label is None else 9 - record.label)

    def texts(self, limit):
        return iter(())


@dataclass(frozen=True)
class Several(Others):
    """Of each digit whether the scene has it; of a nine nobody knows in the first scene."""

    multi_label = True

    def __getitem__(self, index):
        record, present = self.source[index], np.zeros(10, np.int8)
        present[[9 - self.source.class_names.index(thing.category) for thing in record.objects]] = 1
        present[0] = -1 if index == 0 else present[0]
        return replace(record, label=None, present=present)


@dataclass(frozen=True)
class Straight(Several):
    class_names = Scenes().class_names

    def __getitem__(self, index):
        record = super().__getitem__(index)
        return replace(record, present=record.present[::-1].copy())


@pytest.fixture(scope="module")
def on_torch(root):
    method = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")[0].method
    engine = backends.load("torch")(method, initial_weights(method, 2), AdamW())
    return Model(engine, method, None, batch_size=20)


def test_classes_are_compared_by_name(on_torch):
    plain = ParametricProbe(ASKED, LEARN, VALIDATION).measure(on_torch)
    turned = ParametricProbe(Others(ASKED), LEARN, Others(VALIDATION)).measure(on_torch)
    assert plain["top1"].right.any()
    for name in plain:
        assert turned[name].right.tolist() == plain[name].right.tolist() and turned[name].remarks == plain[name].remarks


def test_pictures_of_several_classes_are_learned_class_by_class(on_torch):
    scenes = Scenes(size=32, count=80, digits=2)
    probe = ParametricProbe(Several(ASKED), Straight(scenes))
    found = probe.measure(on_torch)
    assert [*found] == probe.metrics(on_torch.method) == ["map11"] and isinstance(found["map11"], AveragePrecision)
    (learned, _), (asked, _) = read_by_hand(on_torch, scenes), read_by_hand(on_torch, ASKED)
    present = np.stack([Straight(scenes)[number].present for number in range(80)])
    assert found["map11"].present.tolist() == [Straight(ASKED)[number].present.tolist() for number in range(33)]
    for number, column in enumerate(present.T):
        wanted = sklearns(learned[column >= 0], column[column >= 0], strength_told(found["map11"]))
        assert found["map11"].scores[:, number] == pytest.approx(wanted.decision_function(asked), rel=1e-4, abs=1e-4)


def test_it_is_named_by_its_type():
    scenes = {"type": "scenes", "size": 32, "count": 9, "digits": 1}
    built = build(Evaluation, {"type": "parametric_probe", "source": scenes, "learn": scenes, "validation": scenes})
    assert isinstance(built, ParametricProbe) and len(built.accounts()) == 3
    assert [*built.identity()] == ["source.scenes", "learn.scenes", "validation.scenes"]
    without = build(Evaluation, {"type": "parametric_probe", "source": scenes, "learn": scenes})
    assert without.validation is None and len(without.accounts()) == 2
