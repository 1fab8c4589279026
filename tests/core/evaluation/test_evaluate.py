"""Evaluation of a real model on real sources: what the metrics are made of, and equal on both engines."""

from dataclasses import replace

import numpy as np
import pytest

import tandemclip
from tandemclip import backends
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.sources.first import First
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.sources.together import Together
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.features import encode, unit_rows, with_class
from tandemclip.core.evaluation.protocols.fitting import Fitting
from tandemclip.core.evaluation.protocols.k_nearest import KNearest, nearest, votes
from tandemclip.core.evaluation.protocols.linear_probe import LinearProbe
from tandemclip.core.evaluation.protocols.one_by_one import OneByOne
from tandemclip.core.evaluation.protocols.retrieval import recall
from tandemclip.core.evaluation.protocols.zero_shot import class_scores
from tandemclip.core.serving.model import Model
from tandemclip.core.spec import initial_weights
from tandemclip.core.statistic import percent
from tandemclip.core.training import checkpoint
from tandemclip.core.training.config import read
from tandemclip.core.training.start import tokenizer_of
from tandemclip.core.training.update import AdamW


class Captioned(Source):
    """Scenes that do not say what their classes are: searched, not classified. Two captions each."""

    def __init__(self, scenes):
        self.scenes = scenes

    def __len__(self):
        return len(self.scenes)

    def __getitem__(self, index):
        record = self.scenes[index]
        return type(record)(record.key, record.image, (record.captions[0], record.summary))

    def texts(self, limit):
        return self.scenes.texts(limit)


@pytest.fixture(scope="module")
def parts(root):
    config, mapping = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")
    return config, mapping, initial_weights(config.method, 3), tokenizer_of(config)


@pytest.fixture(scope="module")
def models(parts):
    config, _, weights, tokenizer = parts
    make = lambda name: backends.load(name)(config.method, weights, config.training.update)
    return {name: Model(make(name), config.method, tokenizer, batch_size=16) for name in backends.names()}


SCENES = Scenes(size=32, count=37, digits=1, split="held_out")  # no multiple of the batch


def test_retrieval_is_recall_of_the_features(models):
    model, source = models["torch"], Captioned(SCENES)
    records = [source[i] for i in range(len(source))]
    images = unit_rows(model.encode_images([record.image for record in records]), "images")
    captions = [caption for record in records for caption in record.captions]
    texts = unit_rows(model.encode_texts(captions), "texts")
    expected = recall(images, texts, np.repeat(np.arange(len(records)), 2), lambda u, v: u @ v.T)
    found = Fitting(source).measure(model)
    assert percent(found) == percent(expected) and len(found) == 6
    assert list(found) == Fitting(source).metrics(model.method)
    assert all(len(hits.asked) == 37 for hits in found.values())


def test_retrieval_reads_every_record_once(models):
    class Counting(Captioned):
        def __getitem__(self, index):
            read.append(index)
            return super().__getitem__(index)

    read = []
    Fitting(Counting(SCENES)).measure(models["torch"])
    assert sorted(read) == list(range(37))


def test_zero_shot_by_hand(models):
    model = models["torch"]
    images = model.encode_images([SCENES[i].image for i in range(len(SCENES))])
    classes = []
    for prompts in SCENES.prompts["digit"]:
        mean = model.encode_texts(prompts).mean(0)
        classes.append(mean / np.linalg.norm(mean))
    labels = np.array([SCENES[i].attributes["digit"] for i in range(len(SCENES))])
    right = np.mean((images @ np.stack(classes).T).argmax(1) == labels)
    found = Fitting(SCENES).measure(model)
    assert percent(found)["zero_shot/digit"] == pytest.approx(100 * right)
    assert list(found) == Fitting(SCENES).metrics(model.method) == ["zero_shot/digit", "zero_shot/color"]


def test_sources_one_by_one_are_what_they_are_alone(models):
    few, model = First(Captioned(SCENES), 20), models["torch"]
    several = OneByOne((Fitting(SCENES), Fitting(few)), ("digits", "captions"))
    found = several.measure(model)
    alone = {f"digits/{name}": hits for name, hits in Fitting(SCENES).measure(model).items()}
    alone |= {f"captions/{name}": hits for name, hits in Fitting(few).measure(model).items()}
    assert list(found) == list(alone) == several.metrics(model.method) and percent(found) == percent(alone)
    for name, hits in found.items():
        where = slice(0, 37) if name.startswith("digits/") else slice(37, 57)
        assert (
            len(hits.asked) == 57
            and hits.asked[where].sum() == hits.asked.sum()
            and hits.right[where].sum() == hits.right.sum()
        )
    with pytest.raises(ValueError, match="give each one of its own"):
        OneByOne((Fitting(SCENES), Fitting(few)), ("one", "one"))


def test_what_would_be_measured_wrongly_is_refused(models, root):
    method = models["torch"].method
    for several in (Together((SCENES, SCENES)), First(Together((SCENES,)), 5)):
        with pytest.raises(
            UserError, match="several sources with classes together; evaluate each by itself, with type: one_by_one"
        ):
            Fitting(several).metrics(method)
    with pytest.raises(UserError, match="10 classes are learned and 0 others asked"):
        LinearProbe(Captioned(SCENES), SCENES).metrics(method)
    classifier = read(
        root / "configs" / "pretrain" / "tiny_cross_entropy_resnet.yaml", {"method": {"image": {"embed_dim": 4}}}
    )[0].method
    engine = backends.load("torch")(classifier, initial_weights(classifier, 0), AdamW())
    with pytest.raises(UserError, match="has class [4-9], and the method has 4, counted from 0"):
        Fitting(SCENES).measure(Model(engine, classifier, None))


def test_captions_of_several_sources_together_are_searched(models):
    together = Together((Captioned(SCENES), Captioned(SCENES)))
    assert Fitting(together).metrics(models["torch"].method)[0] == "i2t/R@1"


def test_processes_that_read_change_nothing(models):
    model = models["torch"]
    for source in (SCENES, Captioned(SCENES)):
        alone, helped = (Fitting(source).measure(replace(model, workers=workers)) for workers in (0, 2))
        for name, hits in alone.items():
            np.testing.assert_array_equal(helped[name].right, hits.right)
            np.testing.assert_array_equal(helped[name].asked, hits.asked)


def test_both_engines_give_the_same_metrics(models):
    one, other = (Fitting(SCENES).measure(models[name]) for name in ("torch", "mindspore"))
    assert all(np.array_equal(one[name].right, other[name].right) for name in one)


def sure(scores):
    """scores: [N, C] of one engine -> [N] bool: the highest leads by more than engines differ by."""
    second, first = np.sort(scores, axis=1)[:, -2:].T
    return first - second > 1e-4


def test_both_engines_predict_the_same_wherever_it_is_no_near_thing(models):
    """By class, by neighbours, and by search in both directions: scores of either engine, and the first of each row."""
    learn, ids = (
        Scenes(size=32, count=60, digits=1),
        models["torch"].reading.ids([SCENES[i].captions[0] for i in range(37)]),
    )
    scores = {}
    for name, model in models.items():
        images, texts = encode(model, SCENES, {}).features, model.encode_ids(ids)
        learned, taught = with_class(model, learn, "encode_features")
        found = nearest(learned, encode(model, SCENES, {}, "encode_features").features, 20)
        scores[name] = {
            "zero_shot": class_scores(model, SCENES.prompts["digit"])(images),
            "k_nearest": np.concatenate([*votes(found, taught, 10, 0.07)]),
            "i2t": model.similarity(images, texts),
            "t2i": model.similarity(images, texts).T,
        }
    for protocol, one in scores["torch"].items():
        clear, other = sure(one), scores["mindspore"][protocol]
        assert clear.mean() >= 0.9, protocol
        assert np.array_equal(one.argmax(1)[clear], other.argmax(1)[clear]), protocol
        np.testing.assert_allclose(one, other, atol=2e-5)
    protocol = KNearest(SCENES, learn)
    right = [protocol.measure(model)["top1"].right for model in models.values()]
    clear = sure(scores["torch"]["k_nearest"])
    assert np.array_equal(right[0][clear], right[1][clear])


def test_a_checkpoint_is_loaded_on_either_engine(parts, tmp_path):
    config, mapping, weights, tokenizer = parts
    checkpoint.save(tmp_path, 0, weights, {}, {"config": mapping, "tokenizer": tokenizer.to_json()})
    texts, images = ["a red seven", "a blue two"], [SCENES[0].image]
    features = {}
    for name in backends.names():
        model = tandemclip.load(tmp_path, backend=name)
        features[name] = np.concatenate([model.encode_texts(texts), model.encode_images(images)])
        np.testing.assert_allclose(np.linalg.norm(features[name], axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(features["torch"], features["mindspore"], atol=1e-5)
    assert np.abs(features["torch"][0] - features["torch"][1]).max() > 1e-3
