"""Set-ups that are really broken are trained for some steps, and what is wrong with them is named."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.views.view import View
from tandemclip.core.methods.clip import CLIP
from tandemclip.core.methods.unicl import UniCL
from tandemclip.core.training import start
from tandemclip.core.training.config import read
from tandemclip.core.training.diagnosis import plateau
from tandemclip.core.training.settings import Training


@dataclass(frozen=True)
class Changed(Source):
    """Records as `change` (source, number) makes them."""

    source: Source
    change: Callable

    def __len__(self):
        return len(self.source)

    def __getitem__(self, number):
        return self.change(self.source, number)

    def texts(self, limit):
        return self.source.texts(limit)


def wrong_caption(source, number):  # another record's for each image
    return replace(source[number], captions=source[(number + 7) % len(source)].captions)


def one_image(source, number):
    return replace(source[number], image=source[3].image)


def one_caption(source, number):
    return replace(source[number], captions=("a red seven",))


def one_class(source, number):
    return replace(source[number], label=3)


def colours(source, number):  # as classes: their captions repeat, and are meant to
    colour = source[number].objects[0].phrase.split()[0]
    return replace(source[number], label=sum(colour.encode()), captions=(f"a {colour} one",))


@dataclass(frozen=True)
class Frozen(CLIP):
    def all_parameters(self, prefix=""):
        for name, parameter in super().all_parameters(prefix):
            yield name, replace(parameter, trainable=not name.startswith(("image.", "text.")))


@dataclass(frozen=True)
class Deaf(CLIP):
    """Its image tower's output is not used."""

    def encode(self, ops, p, batch):
        features = super().encode(ops, p, batch)
        features.shared["u"] = features.shared["u"] * 0.0 + self.image.embed_dim**-0.5
        return features


TRAINING = Training(batch_size=16, learning_rate=1e-3, steps=90, warmup=4)


@pytest.fixture
def train(root, tmp_path, capsys):
    """What a run says about guessing."""

    def run(change=None, method=None, **training):
        overrides = {"data": {"train": {"count": 600, "noise": 0.0}}, "training": {"batch_size": 16}}
        config, mapping = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml", overrides)
        data, clip = config.data, config.method
        data = replace(data, evaluate=None, train=data.train if change is None else Changed(data.train, change))
        clip = clip if method is None else method(clip.image, clip.text)
        config = replace(config, data=data, method=clip, training=replace(TRAINING, **training))
        engine = lambda config, weights: backends.load("torch")(config.method, weights, config.training.update)
        trainer = start.begin(tmp_path / "run", config, mapping, engine)
        trainer.train(56)
        assert trainer.step == 56
        printed = capsys.readouterr().out
        return printed[printed.index("no better than guessing") :] if "guessing" in printed else ""

    return run


def test_a_healthy_run_is_left_alone(train):
    assert train() == ""


@pytest.mark.parametrize(
    "broken, told",
    [
        ({"change": wrong_caption}, "do not seem to belong together"),
        ({"change": one_image}, "images read from the data are the same"),
        ({"change": one_caption}, "16 of a batch (text) are 1 different ones, which alone keep the loss above 2.77"),
        ({"change": one_class, "method": UniCL}, "labels repeat: the 16 of a batch (text) are 1 different ones"),
        ({"change": colours, "method": UniCL, "learning_rate": 0.0}, "the learning rate is too small"),
        ({"method": Frozen}, "parameters of image are frozen"),
        ({"method": Deaf}, "no gradient reaches image: it is exactly zero"),
        ({"learning_rate": 0.0}, "the learning rate is too small: at 0.0e+00"),
        ({"learning_rate": 1e-6}, "the learning rate is too small: at 1.0e-06"),
        ({"learning_rate": 0.1}, "the features have collapsed"),
    ],
)
def test_what_is_broken_is_named(train, broken, told):
    said = train(**broken)
    assert told in said
    assert said.count("\n- ") == (2 if "method" in broken and broken["method"] is Frozen else 1), said


def test_a_warm_up_that_takes_the_run(train):
    """Looked at when the run ends, as it would be too late after the warm-up."""
    assert "the warm-up takes 56 of the 56 steps" in train(learning_rate=1e-4, steps=56, warmup=56)


# ------------------------------------------------------------------ the parts
def rows(loss, count=50, **terms):
    return [{"loss": loss, "terms": terms} for _ in range(count)]


def test_stuck_is_two_percent_of_guessing():
    guess = np.log(64)
    assert plateau.stuck(rows(0.97 * guess), 64) is None
    assert plateau.stuck(rows(0.985 * guess), 64) == ("loss", pytest.approx(0.985 * guess))
    assert plateau.stuck(rows(1.3 * guess), 64)[0] == "loss"
    assert plateau.stuck(rows(0.5 * guess, 30) + rows(guess, 20), 64) is None


def test_one_of_several_terms_may_be_stuck():
    assert plateau.stuck(rows(2.0, GS=1.0, GA=np.log(16)), 16) == ("GA", pytest.approx(np.log(16)))


def test_terms_that_guess_among_something_else_are_left_alone(root):
    method = read(root / "configs" / "pretrain" / "tiny_multi_task_swin.yaml")[0].method
    known, unknown = (rows(7.0, clip=clip, cross_entropy=3.8) for clip in (3.2, np.log(128)))
    assert (
        plateau.stuck(known, 128, method.guessing) is None and plateau.stuck(unknown, 128, method.guessing)[0] == "clip"
    )


def test_nearer_sees_what_the_loss_does_not_yet():
    rng = np.random.default_rng(0)
    unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)
    images, noise = rng.standard_normal((2, 64, 32))
    base = 20 * rng.standard_normal(32)  # all nearly the same direction
    texts = noise + images
    assert plateau.nearer(unit(images + base) @ unit(texts + base).T) > 4
    assert abs(plateau.nearer(unit(images + base) @ unit(noise + base).T)) < 3


def test_the_clamp_of_the_temperature(train):
    seen = lambda scale: plateau.Seen([{"logit_scale": scale}], *[None] * 10, np.log(100.0))
    assert list(plateau._scale(seen(np.log(50.0)))) == []
    assert "exp 100" in next(plateau._scale(seen(np.log(100.0))))


@dataclass(frozen=True)
class Ones(View):
    """Whatever of this shape and type, the same for each record."""

    shape: tuple
    dtype: str

    def arrays(self):
        return {"": (self.shape, np.dtype(self.dtype))}

    def __call__(self, record, rng, tokenizer):
        return {"": np.ones(self.shape, self.dtype)}


@dataclass(frozen=True)
class Others(CLIP):
    """With views that look like texts and pictures by their shapes, and stand before them."""

    def views(self):
        length, side = self.text.context_length, self.image.resolution
        others = {"codes": Ones((length,), "int32"), "depth": Ones((3, side, side), "float32")}
        return others | super().views()


def test_other_views_of_the_same_shapes_are_not_looked_at(train):
    """Each would be found to repeat, and to belong to nothing."""
    said = train(method=Others, learning_rate=0.0)
    assert "the learning rate is too small" in said and said.count("\n- ") == 1, said


@pytest.mark.parametrize("count", [2, 3, 9])
def test_the_mean_cosine_is_that_of_all_pairs(count):
    x = np.random.default_rng(0).standard_normal((count, 5)) + 0.5
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    pairs = [x[i] @ x[j] for i in range(count) for j in range(count) if i != j]
    assert plateau._mean_cosine(x) == pytest.approx(np.mean(pairs), rel=1e-12)
