"""The figures are those of clip_benchmark's own metrics (1.6.2), given the same features."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from clip_benchmark.metrics import zeroshot_classification, zeroshot_retrieval

from tandemclip import backends
from tandemclip.core.data.records import Record
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.sources.part import Part
from tandemclip.core.data.sources.source import Source
from tandemclip.core.evaluation.protocols.retrieval import Retrieval
from tandemclip.core.evaluation.protocols.zero_shot import ZeroShot
from tandemclip.core.serving.model import Model
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.start import tokenizer_of


@pytest.fixture(scope="module")
def model(root):
    config, _ = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")
    engine = backends.load("torch")(config.method, initial_weights(config.method, 5), config.training.update)
    return Model(engine, config.method, tokenizer_of(config), batch_size=16)


class Encoder:
    """What clip_benchmark calls a model."""

    def __init__(self, model):
        self.model = model

    def encode_image(self, pixels):
        return torch.from_numpy(self.model.encode("encode_image", pixels.numpy(), len(pixels)).copy())

    def encode_text(self, ids):
        return torch.from_numpy(self.model.encode_ids(ids.numpy()).copy())

    def tokenizer(self, texts):
        return torch.from_numpy(self.model.reading.ids(texts))


class Loader:
    """What clip_benchmark calls a data loader: batches of pictures, each with what is known of them."""

    def __init__(self, model, source, known, size=16):
        view = model.method.inference_view()
        records = [source[number] for number in range(len(source))]
        self.dataset = self
        self.classes = source.class_names
        self.batches = []
        for start in range(0, len(records), size):
            part = records[start : start + size]
            pixels = torch.from_numpy(np.stack([view(record, None, None)[""] for record in part]))
            self.batches.append((pixels, known(part)))

    def __iter__(self):
        return iter(self.batches)


class Labelled(Part):
    """Scenes of one digit, whose label is asked by two texts a class."""

    source = Scenes(size=32, count=90, digits=1, split="held_out")
    prompts = {"class": [texts[:2] for texts in Scenes().prompts["digit"]]}

    def chosen(self):
        return np.arange(len(self.source))


@dataclass(frozen=True)
class Captioned(Source):
    """Scenes with three texts each, of which no two are the same."""

    source: Scenes = Scenes(size=32, count=70, digits=2, split="held_out")

    def __len__(self):
        return len(self.source)

    def __getitem__(self, number):
        digits = [f"a {Scenes().class_names[int(each)]}" for each in f"{number:02d}"]
        record = self.source[number]
        texts = (" and ".join(digits), f"{' and '.join(digits)} and red", f"blue and {' and '.join(digits)}")
        return Record(record.key, record.image, texts)

    def texts(self, limit):
        return iter(())


def test_zero_shot(model):
    source, other = Labelled(), Encoder(model)
    loader = Loader(model, source, lambda part: torch.tensor([record.label for record in part]))
    prompts = dict(zip(source.class_names, source.prompts["class"]))
    figures = zeroshot_classification.evaluate(
        other, loader, other.tokenizer, list(source.class_names), prompts, "cpu", amp=False
    )
    found = ZeroShot(source).measure(model)
    theirs = {"top1": "acc1", "top5": "acc5", "mean_per_class": "mean_per_class_recall"}
    assert {name: found[name].share for name in theirs} == pytest.approx(
        {name: figures[their] for name, their in theirs.items()}, abs=1e-6
    )
    assert 0 < found["top1"].share < found["top5"].share < 1 and len({each.share for each in found.values()}) == 3


def test_retrieval(model):
    source, other = Captioned(), Encoder(model)
    loader = Loader(model, source, lambda part: [record.captions for record in part])
    figures = zeroshot_retrieval.evaluate(other, loader, other.tokenizer, "cpu", amp=False, recall_k_list=[1, 5, 10])
    found, ways = Retrieval(source).measure(model), {"t2i": "image_retrieval", "i2t": "text_retrieval"}
    assert {name: each.share for name, each in found.items()} == pytest.approx(
        {f"{way}/R@{k}": figures[f"{their}_recall@{k}"] for way, their in ways.items() for k in (1, 5, 10)}, abs=1e-6
    )
    assert 0 < found["i2t/R@10"].share < 1 and not found["i2t/R@1"].remarks
