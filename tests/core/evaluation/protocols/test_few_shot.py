"""Few images a class: which ones are drawn, that the strength is chosen on others, and the mean of the draws."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tandemclip import backends
from tandemclip.core.config.build import build
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.few_shot import Draw, FewShot, mean, places_within_classes
from tandemclip.core.evaluation.protocols.learned import Labelled
from tandemclip.core.evaluation.protocols.probing import choose
from tandemclip.core.evaluation.protocols.rows import Rows
from tandemclip.core.hits import Hits
from tandemclip.core.serving.model import Model
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.evaluation import Evaluation


def images(*counts):
    """As many images a class as these, each with its number for a feature."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    return Labelled(Rows.of(np.arange(len(labels), dtype=float)[:, None]), labels)


def numbers(drawn):
    return {int(number) for number in np.asarray(drawn.features)[:, 0]}


def test_places_are_an_order_of_each_class():
    labels = images(5, 0, 1, 12).truth
    places = places_within_classes(labels, 0)
    for each, count in enumerate((5, 0, 1, 12)):
        assert sorted(places[labels == each]) == list(range(count))
    assert np.array_equal(places, places_within_classes(labels, 0))
    assert not np.array_equal(places, places_within_classes(labels, 1))
    assert places[labels == 3].tolist() != list(range(12))


@pytest.mark.parametrize("seed", range(3))
def test_a_draw_has_so_many_a_class_and_those_of_smaller_ones(seed):
    pool, before = images(40, 30, 25), set()
    draw = Draw.of(pool, None, seed)
    for shots in (1, 2, 4, 8, 16):
        learned, held = draw.of_size(shots)
        assert np.bincount(learned.truth).tolist() == [shots] * 3 and before < numbers(learned)
        assert np.bincount(held.truth).tolist() == [min(shots, 4)] * 3 and not numbers(held) & numbers(learned)
        before = numbers(learned)
    assert draw.remarks(16, ()) == ()
    assert numbers(Draw.of(pool, None, seed + 1).of_size(16)[0]) != before


def test_with_a_validation_split_all_are_there_to_learn_from():
    draw = Draw.of(images(3, 5), images(1, 9), 0)
    learned, held = draw.of_size(8)
    assert np.bincount(learned.truth).tolist() == [3, 5] and np.bincount(held.truth).tolist() == [1, 4]
    assert draw.remarks(4, ("cat", "dog")) == (
        "1 of 2 classes have fewer than 4 images to learn from, such as 'cat' with 3",
    )


def test_classes_of_few_images_lend_half_of_them_and_are_told():
    draw = Draw.of(images(1, 2, 5, 10, 0), None, 0)
    learned, held = draw.of_size(16)
    assert np.bincount(learned.truth).tolist() == [1, 1, 3, 6]
    assert np.bincount(held.truth, minlength=4).tolist() == [0, 1, 2, 4]
    assert draw.remarks(2, ()) == ("2 of 4 classes have fewer than 2 images to learn from, such as number 0 with 1",)
    assert draw.remarks(1, ()) == ()
    with pytest.raises(UserError, match="no class with two images in `learn`.*; give `validation`"):
        Draw.of(images(1, 1), None, 0).of_size(4)
    Draw.of(images(1, 1), images(1, 1), 0).of_size(4)


def test_the_mean_of_draws_is_that_of_their_shares():
    """An image asks once a draw, and counts once for the interval."""
    rng = np.random.default_rng(1)
    asked, weights = rng.random(50) < 0.8, rng.random(50)
    draws = [Hits(asked & (rng.random(50) < share), asked, weights, 0.1) for share in (0.2, 0.5, 0.9)]
    found, shares = mean(draws, ("so",)), [each.share for each in draws]
    assert found.share == pytest.approx(np.mean(shares)) and found.queries == 3 * asked.sum()
    assert found.guessing == pytest.approx(0.1)
    one = Hits(asked * found.share, asked, weights)
    assert found.interval == pytest.approx(one.interval)
    spread = 100 * np.sqrt(sum((each - np.mean(shares)) ** 2 for each in shares) / 2)
    told = ", ".join(f"{100 * share:.2f}" for share in shares)
    assert found.remarks == (f"3 draws give {told}, a standard deviation of {spread:.2f}", "so")
    assert mean(draws[:1], ()).remarks == (f"1 draw gives {100 * shares[0]:.2f}",)


# ------------------------------------------------------------------ on a model
LEARN = Scenes(size=32, count=90, digits=1, label="color")
ASKED = Scenes(size=32, count=40, digits=2, split="held_out", label="color")


@pytest.fixture(scope="module")
def model(root):
    config, _ = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")
    engine = backends.load("torch")(config.method, initial_weights(config.method, 2), config.training.update)
    return Model(engine, config.method, None)


def read_by_hand(model, source):
    view = model.method.inference_view()
    records = [source[number] for number in range(len(source))]
    features = model.engine.apply("encode_features", np.stack([view(each, None, None)[""] for each in records]))
    return features, np.array([-1 if each.label is None else each.label for each in records])


def test_a_model_is_asked_at_each_size_by_each_draw(model):
    protocol = FewShot(ASKED, LEARN, shots=(2, 8), seeds=2)
    found = protocol.measure(model)
    names = [f"{shots}_shot/{metric}" for shots in (2, 8) for metric in ("top1", "mean_per_class")]
    assert [*found] == protocol.metrics(model.method) == names
    (features, labels), (asked, wanted) = read_by_hand(model, LEARN), read_by_hand(model, ASKED)
    for shots in (2, 8):
        right = np.zeros(40, int)
        for seed in range(2):
            learned, held = Draw.of(Labelled(Rows.of(features), labels), None, seed).of_size(shots)
            strength = choose(learned, held).strength
            probe = LogisticRegression(C=1 / strength, max_iter=1000).fit(np.asarray(learned.features), learned.truth)
            right += (probe.predict(asked) == wanted) & (wanted >= 0)
            assert f"{strength:.3g}" in found[f"{shots}_shot/top1"].remarks[1]
        assert found[f"{shots}_shot/top1"].right.tolist() == right.tolist()
        assert found[f"{shots}_shot/top1"].asked.tolist() == (2 * (wanted >= 0)).tolist()
    assert found["8_shot/top1"].guessing == pytest.approx(0.25)


def test_classes_with_fewer_pictures_are_told(model):
    found = FewShot(ASKED, LEARN, Scenes(size=32, count=30, digits=1, seed=1, label="color"), (64,), 1).measure(model)
    remarks = found["64_shot/top1"].remarks
    assert any(each.startswith("4 of 4 classes have fewer than 64 images to learn from, such as") for each in remarks)


def test_shots_that_stand_twice_are_refused():
    scenes = {"type": "scenes", "size": 32, "count": 9, "digits": 1}
    given = {"type": "few_shot", "source": scenes, "learn": scenes, "shots": [4, 1, 4]}
    with pytest.raises(UserError, match=r"^here: shots are \[4, 1, 4\]; name each number of images once"):
        build(Evaluation, given, "here")


def test_pictures_of_several_classes_are_refused(model):
    class Several(Scenes):
        multi_label = True

    protocol = FewShot(Several(), Several())
    for ask in (lambda: protocol.metrics(model.method), lambda: protocol.measure(model)):
        with pytest.raises(UserError, match="few_shot is for pictures of one class"):
            ask()
