"""Pictures of the documents: small, and made of what a model says."""

import importlib.util
import shutil

import numpy as np
import pytest
from PIL import Image

from tandemclip import backends
from tandemclip.core.data.records import Record
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.tokenizers.tokenizer import build
from tandemclip.core.evaluation.suites.report.markup import document, picture, tag
from tandemclip.core.serving.model import Model
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.update import AdamW


def loaded(name, root):
    """A script of docs/pictures as a module."""
    spec = importlib.util.spec_from_file_location(f"{name}_picture", root / "docs" / "pictures" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def script(root):
    return loaded("zero_shot", root)


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
    pages = "".join(path.read_text() for path in (root / "README.md", *(root / "docs").glob("*.md")))
    assert pictures and all(path.stat().st_size < 100_000 and f"pictures/{path.name}" in pages for path in pictures)


def test_a_browser_shows_a_report(root, tmp_path):
    """A picture that lies within the page, also where it is folded."""
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("no Chromium is in the PATH")
    red = {0: Record("red", np.full((40, 40, 3), (250, 0, 0), np.uint8))}
    page = document("a", "", tag("details", tag("summary", "b"), picture(red, 0, "red")))
    (tmp_path / "page.html").write_bytes(page)
    loaded("report", root).shot(tmp_path / "page.html", tmp_path / "page.png", browser)
    shown = np.asarray(Image.open(tmp_path / "page.png").convert("RGB")).astype(int)
    assert (np.abs(shown - [250, 0, 0]) < 12).all(2).sum() == pytest.approx(88 * 88, rel=0.05)
