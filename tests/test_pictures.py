"""The picture of the README: small, and made of what a model says."""

import importlib.util

import numpy as np
import pytest
from PIL import Image

from tandemclip import backends
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.tokenizers.tokenizer import build
from tandemclip.core.serving.model import Model
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.update import AdamW


@pytest.fixture(scope="module")
def script(root):
    spec = importlib.util.spec_from_file_location("zero_shot_picture", root / "docs" / "pictures" / "zero_shot.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_shows_what_the_model_says(root, script):
    config, _ = read(root / "configs" / "pretrain" / "scenes_clip.yaml")
    engine = backends.load("torch")(config.method, initial_weights(config.method, 0), AdamW())
    model = Model(engine, config.method, build(config.data.tokenizer, config.data.train))
    scenes = Scenes(count=script.COUNT, digits=1, split="held_out")
    found = script.answers(model, scenes)
    texts = [text for row in scenes.prompts["digit"] for text in row]
    logits = np.exp(engine.weights()["logit_scale"]) * (
        model.encode_images([scenes[2].image]) @ model.encode_texts(texts).T
    )
    shares = np.exp(logits[0]) / np.exp(logits[0]).sum()
    assert len(found) == script.COUNT and [len(rows) for rows in found] == [script.NEAREST] * script.COUNT
    assert [share for _, share in found[2]] == pytest.approx(sorted(shares)[::-1][: script.NEAREST], rel=1e-4)
    assert all(share == pytest.approx(shares[texts.index(text)], rel=1e-4) for text, share in found[2])
    assert script.drawn(scenes, found).size == Image.open(root / "docs" / "pictures" / "zero_shot.png").size


def test_pictures_are_small_and_shown(root):
    pictures = [path for path in (root / "docs" / "pictures").iterdir() if path.suffix == ".png"]
    readme = (root / "README.md").read_text()
    assert pictures and all(path.stat().st_size < 100_000 and path.name in readme for path in pictures)
