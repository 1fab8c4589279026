"""The linear probe: what a linear classifier can tell, it tells; what it cannot, it does not; SupCon is asked this
way.
"""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tandemclip import backends
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.fitting import Fitting
from tandemclip.core.evaluation.protocols.linear_probe import LinearProbe, predict
from tandemclip.core.random import generator
from tandemclip.core.serving.model import Model
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.update import AdamW
from tandemclip.tools import train


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def features(count, seed):
    return unit(generator("probe", seed).standard_normal((count, 8)))


def test_half_spaces_are_learned_and_noise_is_not():
    direction = features(1, 0)[0]
    learned, asked = features(600, 1), features(400, 2)
    labels = (learned @ direction > 0).astype(int)
    found = predict(learned, labels, asked)
    assert np.mean(found == (asked @ direction > 0)) > 0.97
    assert (
        0.4 < np.mean(predict(learned, generator("labels").permutation(labels), asked) == (asked @ direction > 0)) < 0.6
    )


def test_the_strength_is_one_that_the_held_out_tenth_likes():
    """A fifth of 400 labels in 200 dimensions is wrong: hardly regularised a classifier follows them all,
    over-regularised none. A tenth that was learned from as well would like it hardly regularised.
    """
    rng = generator("noisy", 0)
    right = lambda x: (x[:, :10].sum(1) > 0).astype(int)
    learned = unit(rng.standard_normal((400, 200)))
    noisy = np.where(rng.random(400) < 0.2, 1 - right(learned), right(learned))
    asked = unit(rng.standard_normal((2000, 200)))
    score = lambda found: np.mean(found == right(asked))
    extremes = [LogisticRegression(C=strength, max_iter=1000).fit(learned, noisy) for strength in (0.01, 1e4)]
    assert score(predict(learned, noisy, asked)) > 0.02 + max(score(one.predict(asked)) for one in extremes)
    assert (
        np.mean(extremes[1].predict(learned) == noisy) == 1.0 > 0.9 > np.mean(predict(learned, noisy, learned) == noisy)
    )


def test_too_little_to_learn_from_is_said():
    with pytest.raises(UserError, match="has 30 records of 1 classes to learn from"):
        predict(features(30, 1), np.zeros(30, int), features(5, 2))
    with pytest.raises(UserError, match="has 10 records of 10 classes"):
        predict(features(10, 1), np.arange(10), features(5, 2))
    assert predict(features(3, 1), np.array([4, 4, 7]), features(5, 2)).shape == (5,)  # enough


@pytest.mark.parametrize("backend", ["torch", "mindspore"])
def test_a_method_without_texts_or_classes_is_asked_by_a_probe(root, backend):
    method = read(root / "configs" / "pretrain" / "tiny_supcon_swin.yaml")[0].method
    learn, asked = (
        Scenes(size=32, count=60, digits=1),
        Scenes(size=32, count=23, split="held_out"),
    )  # some without a class
    probe = LinearProbe(asked, learn)
    model = Model(backends.load(backend)(method, initial_weights(method, 0), AdamW()), method, None)
    found = probe.measure(model)["linear_probe"]
    assert probe.metrics(method) == ["linear_probe"]
    pixels = lambda each: np.stack([method.inference_view()(each[i], None, None)[""] for i in range(len(each))])
    encoded = [model.engine.apply("encode_features", pixels(each)) for each in (learn, asked)]
    labels = np.array([-1 if asked[i].label is None else asked[i].label for i in range(23)])
    wanted = predict(encoded[0], np.array([learn[i].label for i in range(60)]), encoded[1])
    assert (
        (labels < 0).any()
        and np.array_equal(found.asked, labels >= 0)
        and np.array_equal(found.right, wanted == labels)
    )
    with pytest.raises(UserError, match="SupCon has neither texts nor classes; let data.evaluate be a linear_probe"):
        Fitting(asked).measure(model)


@dataclass(frozen=True)
class Renumbered(Source):
    """The same scenes, whose classes are listed the other way round and number 0 is left out."""

    source: Scenes

    @property
    def class_names(self):
        return self.source.class_names[:0:-1]

    def __len__(self):
        return len(self.source)

    def __getitem__(self, index):
        record = self.source[index]
        return replace(record, label=None if not record.label else 9 - record.label)

    def texts(self, limit):
        return iter(())


def test_classes_are_compared_by_name(root):
    method = read(root / "configs" / "pretrain" / "tiny_supcon_swin.yaml")[0].method
    model = Model(backends.load("torch")(method, initial_weights(method, 0), AdamW()), method, None)
    learn, asked = Scenes(size=32, count=60, digits=1), Scenes(size=32, count=40, digits=1)  # some are the same
    labels = np.array([asked[i].label for i in range(40)])
    by_name = LinearProbe(Renumbered(asked), learn).measure(model)["linear_probe"]
    plain = LinearProbe(asked, learn).measure(model)["linear_probe"]
    assert by_name.asked.tolist() == (labels > 0).tolist() and plain.asked.all()
    assert by_name.right.tolist() == (plain.right & (labels > 0)).tolist() and by_name.right.any()
    assert plain.guessing == by_name.guessing == 1 / len({learn[i].label for i in range(60)})
    with pytest.raises(UserError, match="1 of 10 classes are none of the 9 that were learned, the first is 'zero'"):
        LinearProbe(asked, Renumbered(learn)).metrics(method)


def test_what_cannot_be_evaluated_is_told_before_anything_is_trained(root, tmp_path, capsys):
    config = root / "configs" / "pretrain" / "tiny_supcon_swin.yaml"
    scenes = "{type: scenes, size: 32, count: 40, digits: 1}"
    given = [
        "--config",
        str(config),
        "--out",
        str(tmp_path / "run"),
        "--set",
        f"data.evaluate={{type: one_by_one, names: [a], sources: [{scenes}]}}",
    ]
    assert train.main(given) == 2
    assert "SupCon has neither texts nor classes; let data.evaluate be a linear_probe" in capsys.readouterr().err
    assert not [*tmp_path.rglob("step-*")] and not [*tmp_path.rglob("metrics.json")]


def test_supcon_ends_with_its_second_stage(root, tmp_path):
    given = [
        "--config",
        root / "configs" / "pretrain" / "tiny_supcon_swin.yaml",
        "--out",
        tmp_path,
        "--set",
        "training.steps=3",
    ]
    assert train.main([str(argument) for argument in given]) == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert 0 <= metrics["linear_probe"] <= 100
