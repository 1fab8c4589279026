"""Zero-shot classification on features whose answer is known."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tandemclip import backends
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.sources.captions_table import CaptionsTable
from tandemclip.core.data.sources.class_folder import ClassFolder
from tandemclip.core.data.sources.part import Part
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols import zero_shot
from tandemclip.core.evaluation.protocols.fitting import Fitting
from tandemclip.core.evaluation.protocols.zero_shot import ZeroShot
from tandemclip.core.serving.model import Model
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.start import tokenizer_of


def test_class_embedding_is_the_direction_of_the_mean_direction():
    vectors = {"a": [3.0, 0.0], "b": [0.0, 0.1], "c": [0.0, -7.0]}
    found = zero_shot.class_embeddings(lambda texts: np.array([vectors[text] for text in texts]), [["a", "b"], ["c"]])
    np.testing.assert_allclose(found, [[np.sqrt(0.5), np.sqrt(0.5)], [0.0, -1.0]], atol=1e-15)


def test_class_embeddings_with_unequal_numbers_of_prompts():
    generator = np.random.default_rng(0)
    features = {f"{c} {p}": generator.standard_normal(6) for c, n in enumerate([1, 4, 2]) for p in range(n)}
    prompts = [[f"{c} {p}" for p in range(n)] for c, n in enumerate([1, 4, 2])]
    found = zero_shot.class_embeddings(lambda texts: np.stack([features[text] for text in texts]), prompts)
    for row, names in zip(found, prompts):
        total = sum(features[name] / np.sqrt((features[name] ** 2).sum()) for name in names)
        np.testing.assert_allclose(row, total / np.sqrt((total**2).sum()), atol=1e-14)


@pytest.mark.parametrize("prompts", [[], [["a"], []]])
def test_class_without_a_prompt(prompts):
    with pytest.raises(UserError, match="prompt"):
        zero_shot.class_embeddings(lambda texts: np.ones((len(texts), 2)), prompts)


# ------------------------------------------------------------------ on a model
class Labelled(Part):
    """Scenes whose label is asked, of two templates a digit; some of two digits have none."""

    source = Scenes(size=32, count=41, digits=2, split="held_out")
    prompts = {"class": [texts[:2] for texts in Scenes().prompts["digit"]]}

    def chosen(self):
        return np.arange(len(self.source))


@pytest.fixture(scope="module")
def model(root):
    config, _ = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")
    engine = backends.load("torch")(config.method, initial_weights(config.method, 3), config.training.update)
    return Model(engine, config.method, tokenizer_of(config), batch_size=16)


def test_classes_of_a_source_by_hand(model, monkeypatch):
    monkeypatch.setattr(zero_shot, "ROWS", 7)  # blocks of images do not show
    source = Labelled()
    found = Fitting(source).measure(model)
    assert list(found) == Fitting(source).metrics(model.method) == ["top1", "top5", "mean_per_class"]
    labels = np.array([-1 if source[i].label is None else source[i].label for i in range(41)])
    assert (labels < 0).any() and found["top5"].asked.tolist() == (labels >= 0).tolist()
    images = model.encode_images([source[i].image for i in range(41)])
    means = np.stack([model.encode_texts(prompts).mean(0) for prompts in source.prompts["class"]])
    order = np.argsort(-(images @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T), 1)
    first, five = order[:, 0] == labels, (order[:, :5] == labels[:, None]).any(1)
    assert found["top1"].right.tolist() == first.tolist() and found["top5"].right.tolist() == five.tolist()
    assert 0 < found["top1"].share < found["top5"].share < 1
    shares = [first[labels == digit].mean() for digit in np.unique(labels[labels >= 0])]
    assert found["mean_per_class"].share == pytest.approx(np.mean(shares)) != found["top1"].share


def test_a_source_without_the_attribute_is_told(model):
    class Unlabelled(Labelled):
        source = Scenes(size=32, count=3, digits=2, split="held_out")
        prompts = {"shape": [["a"], ["b"]]}

    with pytest.raises(UserError, match="no record of the evaluation source has a shape"):
        ZeroShot(Unlabelled()).measure(model)


def test_classes_of_one_text_are_told(model, tmp_path):
    for name in ("red", "Red"):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "1.png"), np.zeros((9, 9, 3), np.uint8))
    found = ZeroShot(ClassFolder(str(tmp_path))).measure(model)
    assert found["top1"].share == 0.5 and found["mean_per_class"].remarks == found["top1"].remarks
    assert any(remark.startswith("2 of 2 classes have the same texts") for remark in found["top1"].remarks)


class SeveralDigits(Part):
    """Scenes that say of some digits whether they are there."""

    source = Scenes(size=32, count=41, digits=2, split="held_out")
    multi_label = True
    class_names = ("six", "five", "seven")
    prompts = {"class": [["a six"], ["a five", "five"], ["a seven"]]}

    def chosen(self):
        return np.arange(41)

    def __getitem__(self, number):
        record = self.source[number]
        present = [any(name in thing.phrase for thing in record.objects) for name in self.class_names]
        return replace(record, label=None, present=np.array(present, np.int8))


def test_several_classes_in_one_picture_by_hand(model):
    source = SeveralDigits()
    found = Fitting(source).measure(model)
    assert list(found) == Fitting(source).metrics(model.method) == ["map11"]
    images = model.encode_images([source[i].image for i in range(41)])
    classes = zero_shot.class_embeddings(model.encode_texts, source.prompts["class"])
    np.testing.assert_allclose(found["map11"].scores, images @ classes.T, atol=1e-6)
    present = np.array([source[i].present for i in range(41)])
    assert np.array_equal(found["map11"].present, present) and found["map11"].queries == 41
    assert (present.sum(1) > 1).any() and (present.sum(1) == 0).any()


def test_two_classes_have_an_area_under_the_curve(model):
    class TwoDigits(Labelled):
        source = Scenes(size=32, count=41, digits=1, split="held_out")
        prompts = {"class": Labelled.prompts["class"][:2]}

        def __getitem__(self, number):
            record = self.source[number]
            return replace(record, label=record.attributes["digit"] % 2)

    found = ZeroShot(TwoDigits()).measure(model)
    assert list(found) == ZeroShot(TwoDigits()).metrics(model.method) == ["top1", "mean_per_class", "roc_auc"]
    images = model.encode_images([TwoDigits()[i].image for i in range(41)])
    scores = images @ zero_shot.class_embeddings(model.encode_texts, TwoDigits.prompts["class"]).T
    labels = [TwoDigits()[i].label for i in range(41)]
    assert found["roc_auc"].share == pytest.approx(roc_auc_score(labels, scores[:, 1] - scores[:, 0]), abs=1e-9)


def test_what_is_answered_is_kept_for_people(model):
    """With the classes' names, or the words that all prompts of a class have in common."""
    found = ZeroShot(Labelled()).measure(model)["top1"]
    assert found.answers.kind == "classes" and len(found.answers.asked) == found.queries
    right = (found.answers.first[:, 0] == found.answers.right[:, 0]).sum()
    assert right == found.right.sum()
    digits = ZeroShot(Scenes(size=32, count=5, digits=1)).measure(model)["zero_shot/digit"].answers
    assert digits.texts[7].endswith("seven") and "red" not in digits.texts[7]


def test_a_method_without_texts_is_refused(root):
    config, _ = read(root / "configs" / "pretrain" / "tiny_cross_entropy_resnet.yaml")
    with pytest.raises(UserError, match="CrossEntropy reads no texts"):
        ZeroShot(Scenes(size=32)).metrics(config.method)


def test_a_source_without_names_of_classes_is_no_empty_success(model, tmp_path):
    (tmp_path / "t.csv").write_text("path,caption\na.png,one\n")
    asked = ZeroShot(CaptionsTable(str(tmp_path / "t.csv")))
    for told in (lambda: asked.metrics(model.method), lambda: asked.measure(model)):
        with pytest.raises(
            UserError, match="zero_shot: the source does not say what its classes are called.*retrieval"
        ):
            told()
