"""A converted open_clip model gives the predictions of open_clip's own zero-shot loop, and the recall of a plain one.

Both see the same pixels, which are ours, and read texts by their own tokenizers.
"""

from dataclasses import dataclass

import numpy as np
import open_clip
import pytest
import safetensors.torch
import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

import tandemclip
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.sources.first import First
from tandemclip.core.data.sources.shards import Shards
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.views.image import CentreView
from tandemclip.core.evaluation.protocols.features import encode
from tandemclip.core.evaluation.protocols.retrieval import Retrieval
from tandemclip.core.evaluation.protocols.zero_shot import ZeroShot, class_scores
from tandemclip.core.serving.model import Model
from tandemclip.tools import convert

CONTEXT = 16
CLEAR = 1e-4  # the lead of the first class over the second; below it rounding decides


def open_clip_model():
    """A small ModifiedResNet CLIP, whose random weights are such that pictures differ, and so do texts."""
    torch.manual_seed(0)
    text = CLIPTextCfg(context_length=CONTEXT, vocab_size=49408, width=64, heads=1, layers=2)
    model = CLIP(24, CLIPVisionCfg(layers=(1, 1, 1, 1), width=16, head_width=64, image_size=64), text, quick_gelu=True)
    with torch.no_grad():
        model.token_embedding.weight.mul_(20)
        model.visual.attnpool.positional_embedding.mul_(0.1)
        for parameter in model.parameters():
            if parameter.ndim == 1:  # norms and biases start as ones and zeros
                parameter.add_(0.1 * torch.randn_like(parameter))
        view, scenes = CentreView(64), Scenes(size=64, count=32)
        pixels = torch.from_numpy(np.stack([view(scenes[number], None, None)[""] for number in range(32)]))
        for _ in range(10):  # statistics of BatchNorms start as ones and zeros too
            model.encode_image(pixels)
        model.eval().visual.attnpool.c_proj.bias.sub_(model.encode_image(pixels).mean(0))  # in all directions
    return model


@dataclass(frozen=True, eq=False)
class Pair:
    """open_clip's model, and the same as ours."""

    theirs: CLIP
    ours: Model

    def tokens(self, texts):
        return open_clip.get_tokenizer("ViT-B-32")(texts, CONTEXT)

    @torch.no_grad()
    def images(self, source):
        view = self.ours.method.inference_view()
        pixels = np.stack([view(source[number], None, None)[""] for number in range(len(source))])
        return self.theirs.encode_image(torch.from_numpy(pixels), normalize=True)

    @torch.no_grad()
    def texts(self, texts):
        return self.theirs.encode_text(self.tokens(texts), normalize=True)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder, model = tmp_path_factory.mktemp("converted"), open_clip_model()
    safetensors.torch.save_file(model.state_dict(), folder / "model.safetensors")
    given = ["--from", "open_clip", folder / "model.safetensors", folder / "run", "--activation", "quick_gelu"]
    assert convert.main([str(each) for each in given]) == 0
    return Pair(model, tandemclip.load(folder / "run", backend="torch"))


def same_predictions(pair, source, attribute, names, templates):
    """The classes of each picture by open_clip's loop; ours are the same wherever one leads. At least 95% are so."""
    write = [lambda name, each=each: each.replace("{}", name) for each in templates]
    classifier = open_clip.build_zero_shot_classifier(pair.theirs, pair.tokens, names, write, device="cpu")
    logits = (pair.images(source) @ classifier).numpy()
    second, first = np.sort(logits, axis=1)[:, -2:].T
    clear = first - second > CLEAR
    ours = class_scores(pair.ours, source.prompts[attribute])(encode(pair.ours, source, {}).features)
    assert clear.mean() >= 0.95 and np.array_equal(ours.argmax(1)[clear], logits.argmax(1)[clear])
    np.testing.assert_allclose(ours, logits, atol=CLEAR / 10)
    print(f"one class leads on {clear.mean():.1%} of {len(source)} pictures")
    assert len(set(logits.argmax(1))) > 1  # else anything would agree
    return logits.argmax(1), clear


def recalls(images, texts, owner):
    """Caption by caption and picture by picture, with several captions a picture."""
    similarity, found = (images @ texts.T).numpy(), {}
    for k in (1, 5, 10):
        first = [np.argsort(-row, kind="stable")[:k] for row in similarity]
        found[f"i2t/R@{k}"] = np.mean([any(owner[text] == image for text in row) for image, row in enumerate(first)])
        first = [np.argsort(-row, kind="stable")[:k] for row in similarity.T]
        found[f"t2i/R@{k}"] = np.mean([owner[text] in row for text, row in enumerate(first)])
    return found


def test_predictions_on_drawn_pictures(pair):
    source = Scenes(size=64, count=60, digits=1, split="held_out")
    templates = ("a photo of a {}.", "an image of a {}", "{}")

    class Asked(First):
        prompts = {"digit": [[each.replace("{}", name) for each in templates] for name in source.class_names]}

    asked = Asked(source, 60)
    predicted, clear = same_predictions(pair, asked, "digit", list(source.class_names), templates)
    labels = np.array([asked[number].attributes["digit"] for number in range(60)])
    right = ZeroShot(asked).measure(pair.ours)["zero_shot/digit"].right
    assert np.array_equal(right[clear], (predicted == labels)[clear])


@dataclass(frozen=True)
class Captioned(Source):
    """Scenes with five texts each, of which no two are the same."""

    source: Scenes = Scenes(size=64, count=40, digits=2, split="held_out")

    def __len__(self):
        return len(self.source)

    def __getitem__(self, number):
        record, words = self.source[number], "red blue big small old".split()
        own = [f"{word} {number // 7} and {number % 7}" for word in words]
        return type(record)(record.key, record.image, tuple(own))

    def texts(self, limit):
        return iter(())


def test_recall_on_drawn_pictures(pair):
    source = Captioned()
    texts = [text for number in range(len(source)) for text in source[number].captions]
    wanted = recalls(pair.images(source), pair.texts(texts), np.repeat(np.arange(40), 5))
    found = {name: hits.share for name, hits in Retrieval(source).measure(pair.ours).items()}
    assert found == pytest.approx(wanted) and 0 < wanted["i2t/R@10"] < 1 and len(set(wanted.values())) > 2


# ------------------------------------------------------------------ real pictures, where there are some
def test_predictions_on_real_pictures(pair, shared):
    folder = shared / "data" / "cifar10"
    source = First(Shards(str(folder / "test" / "*.tar"), classes=str(folder / "classes.json")), 60)
    predicted, clear = same_predictions(pair, source, "class", list(source.class_names), ("a photo of a {}.",))
    right = ZeroShot(source).measure(pair.ours)["top1"].right
    assert np.array_equal(right[clear], (predicted == source.labels())[clear])


def test_recall_on_real_pictures(pair, shared):
    source = First(Shards(str(shared / "data" / "flickr8k_entities" / "dev" / "*.tar")), 40)
    captions = [source[number].captions for number in range(len(source))]
    assert all(len(own) == 5 for own in captions)
    wanted = recalls(
        pair.images(source), pair.texts([text for own in captions for text in own]), np.repeat(np.arange(40), 5)
    )
    found = {name: hits.share for name, hits in Retrieval(source).measure(pair.ours).items()}
    assert found == pytest.approx(wanted)
