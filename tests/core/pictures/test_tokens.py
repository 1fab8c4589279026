"""The tokens that a method holds together: LightCLIP's matching and FILIP's maxima, against loops."""

from itertools import permutations

import numpy as np
import pytest

from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.errors import UserError
from tandemclip.core.pictures.tokens import by_word, drawn, matched
from tandemclip.tests.core.pictures.small import small_model

SCENES = Scenes(size=48, count=6, split="held_out")
LARGER = {"image": {"resolution": 64}}  # 2 x 2 tokens


def cosines(model, images, ids, image_tokens, text_tokens):
    """[B, T, L] and [B, L], which of the texts' tokens there are, from the towers' own readings."""
    scope = model.engine.model.scope(False)
    arrays = [model.engine._tensor(each) for each in (images, ids)]
    unit = lambda x: x / np.linalg.norm(x, axis=2, keepdims=True)
    image = scope.image.tokens(arrays[0])[0]
    text, mask = scope.text.tokens(arrays[1])
    image, text = (
        unit(scope.child(name)(x).detach().numpy()) for name, x in ((image_tokens, image), (text_tokens, text))
    )
    return np.einsum("btd,bld->btl", image, text), mask.numpy() > 0


def what_is_seen(model, count=3):
    from tandemclip.core.pictures.retrieved import seen

    return seen(model, SCENES, range(count))[1], model.reading.ids([SCENES[i].captions[0] for i in range(count)])


def places(each):
    return {(pair.row * each.side + pair.column, pair.word) for pair in each.pairs}


@pytest.mark.parametrize("engine", ["torch", "mindspore"])
def test_lightclip_shows_its_matching(root, engine):
    model = small_model(root, "tiny_lightclip_resnet", engine, LARGER)
    judge = small_model(root, "tiny_lightclip_resnet", "torch", LARGER)
    found = matched(model, SCENES, 3)
    names = [f"auxiliary.{side}_tokens" for side in ("image", "text")]
    cosine, there = cosines(judge, *what_is_seen(judge), *names)
    for each, table, words in zip(found, cosine, there):
        assert each.side == 2 and each.pixels.shape == (64, 64, 3)
        choices = permutations(np.flatnonzero(words), 4)  # four places, and more words than that
        best = max(sum(table[k, word] for k, word in enumerate(choice)) for choice in choices)
        assert len(each.pairs) == 4 == len({pair.word for pair in each.pairs})
        assert sum(pair.cosine for pair in each.pairs) == pytest.approx(best, abs=1e-4)
        assert all(
            pair.cosine == pytest.approx(table[k, word], abs=1e-4)
            for pair, (k, word) in zip(each.pairs, sorted(places(each)))
        )


@pytest.mark.parametrize("compare", ["image", "text", "both"])
def test_filip_shows_its_maxima(root, compare):
    model = small_model(root, "tiny_filip_vit", changes={"compare": compare})
    cosine, there = cosines(model, *what_is_seen(model), "image_tokens", "text_tokens")
    for each, table, words in zip(matched(model, SCENES, 3), cosine, there):
        table = np.where(words, table, -np.inf)
        of_places = {(k, int(row.argmax())) for k, row in enumerate(table)}
        of_words = {(int(table[:, word].argmax()), int(word)) for word in np.flatnonzero(words)}
        wanted = {"image": of_places, "text": of_words, "both": of_places | of_words}[compare]
        assert places(each) == wanted


def test_words_are_named_and_counted(root):
    model = small_model(root, "tiny_filip_vit")
    each = matched(model, SCENES, 1)[0]
    text = ["[start]", *SCENES[0].captions[0].split(), "[end]"]
    assert each.text == SCENES[0].captions[0] and all(pair.name == text[pair.word] for pair in each.pairs)
    told = by_word(each)
    assert sum(count for _, count, _ in told) == len(each.pairs) == each.side**2
    assert [name for name, _, _ in told] == [text[word] for word in sorted({pair.word for pair in each.pairs})]
    mean = sum(count * cosine for _, count, cosine in told) / len(each.pairs)
    assert mean == pytest.approx(np.mean([pair.cosine for pair in each.pairs]))


def test_positions_behind_the_end_have_a_name_where_they_take_part(root):
    model = small_model(root, "tiny_filip_vit", changes={"padding": True, "compare": "text"})
    each = matched(model, SCENES, 1)[0]
    written = len(SCENES[0].captions[0].split()) + 2  # and start and end
    assert {pair.name for pair in each.pairs if pair.word >= written} == {"[padding]"}
    assert all(name for name, _, _ in by_word(each))


def test_each_cell_has_one_frame(root):
    found = matched(small_model(root, "tiny_filip_vit", changes={"compare": "both"}), SCENES, 2)
    figure = drawn(found)
    for axes, each in zip(figure.axes, found):
        cells = {(pair.row, pair.column) for pair in each.pairs}
        assert len(axes.patches) == len(axes.texts) == len(cells)
        assert sum(len(text.get_text().split("\n")) for text in axes.texts) == len(each.pairs)


@pytest.mark.parametrize(
    "name, changes, words",
    [
        ("tiny_clip_vit", {}, "CLIP compares no tokens; LightCLIP with weights.token, and FILIP, do"),
        (
            "tiny_lightclip_resnet",
            {"weights": {"token": 0}},
            "method.weights.token is 0, so that no tokens were aligned",
        ),
    ],
)
def test_a_method_that_holds_none_together_is_refused(root, name, changes, words):
    with pytest.raises(UserError, match=words):
        matched(small_model(root, name, changes=changes), SCENES, 1)
