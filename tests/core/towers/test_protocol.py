"""What every tower offers: embedding, features, tokens, stages and grid, all from one pass."""

from dataclasses import replace

import numpy as np
import pytest

from tandemclip.backends.recorder.record import record
from tandemclip.backends.reference.ops import Reference
from tandemclip.core.closeness import error
from tandemclip.core.config.build import build
from tandemclip.core.config.registry import known
from tandemclip.core.errors import UserError
from tandemclip.core.random import generator
from tandemclip.core.spec import Notes, Run, Scope, initial_weights
from tandemclip.core.towers.basic_resnet import BasicResNet
from tandemclip.core.towers.mobilenet import MobileNetV2
from tandemclip.core.towers.modified_resnet import ModifiedResNet
from tandemclip.core.towers.resnet import ResNet
from tandemclip.core.towers.swin import SwinTransformer
from tandemclip.core.towers.text import TextTransformer
from tandemclip.core.towers.text_embedding import TextEmbedding
from tandemclip.core.towers.tower import ImageTower, TextTower
from tandemclip.core.towers.vit import VisionTransformer
from tandemclip.tests.parity.interpreters import INTERPRETERS

IMAGE = {
    "vit": VisionTransformer(resolution=16, patch=8, width=8, layers=4, heads=2, embed_dim=6),
    "plain": VisionTransformer(16, 8, 8, 4, 2, 6, activation="gelu", input_norm=False, patch_bias=True, initial="0.02"),
    "leff": VisionTransformer(resolution=16, patch=8, width=8, layers=8, heads=2, embed_dim=6, leff_depth=3),
    "modified_resnet": ModifiedResNet(resolution=64, layers=(1, 2, 1, 1), width=4, heads=2, embed_dim=6),
    "pooled_and_projected": ModifiedResNet(64, (1, 1, 1, 1), 4, 2, embed_dim=6, pool_dim=10),
    "swin": SwinTransformer(resolution=32, embed_dim=6, width=4, depths=(1, 2), heads=(1, 2), window=4),
    "resnet": ResNet(resolution=16, layers=(1, 2), embed_dim=6, width=4, stem="tiny"),
    "basic_resnet": BasicResNet(resolution=64, layers=(1, 2, 1, 1), width=4, heads=2, embed_dim=6),
    "mobilenet": MobileNetV2(64, 6, 2, width=8, widths=(8,) * 7, blocks=(1, 1, 2, 1, 1, 1, 1), expansion=2),
}
TEXT = {
    "end": TextTransformer(vocab_size=11, context_length=7, width=8, layers=4, heads=2, embed_dim=6),
    "max": TextTransformer(vocab_size=11, context_length=7, width=8, layers=8, heads=2, embed_dim=6, pool="max"),
}
TOWERS = IMAGE | TEXT
END = 10  # of text: the highest id


def weights_of(tower):
    rng = generator("protocol")
    noise = lambda array: 0.1 * rng.standard_normal(array.shape).astype(np.float32)
    spread = lambda name, array: np.abs(noise(array)) if name.endswith("variance") else noise(array)
    return {name: array + spread(name, array) for name, array in initial_weights(tower, 0).items()}


def scope_of(tower, weights=None, watch=None):
    weights = weights_of(tower) if weights is None else weights
    run = Run(Reference(), {n: w.astype(np.float64) for n, w in weights.items()}, False, watch=watch)
    return Scope(tower, run)


def captions(lengths, length=7):
    ids = np.zeros((len(lengths), length), np.int32)
    for row, count in zip(ids, lengths):
        row[:count] = [9, *generator("words", count).integers(1, 9, count - 2), END]
    return ids


def inputs_of(tower):
    if isinstance(tower, TextTower):
        return captions((3, 7, 2))
    return generator("pictures").standard_normal((3, 3, tower.resolution, tower.resolution)).astype(np.float32)


def shapes_of(found):
    return [x.shape for x in found]


# ------------------------------------------------------------------ all towers
@pytest.mark.parametrize("name", TOWERS)
def test_sizes_are_those_that_are_said(name):
    tower, scope, x = TOWERS[name], scope_of(TOWERS[name]), inputs_of(TOWERS[name])
    (tokens, mask), stages = scope.tokens(x), scope.stages(x)
    assert scope(x).shape == (3, tower.embed_dim) and scope.features(x).shape == (3, tower.feature_dim)
    assert tokens.shape[0] == 3 and tokens.shape[2] == tower.token_dim
    assert mask is None or mask.shape == tokens.shape[:2]
    channels = 1 if isinstance(tower, ImageTower) else 2
    assert tuple(stage.shape[channels] for stage in stages) == tower.stage_dims


@pytest.mark.parametrize("name", TOWERS)
def test_one_pass_gives_what_each_reading_gives_alone(name):
    tower, x, notes = TOWERS[name], inputs_of(TOWERS[name]), Notes(np.ndarray)
    seen = scope_of(tower, watch=notes).encode(x)
    together = [seen.embedding, seen.features, *seen.tokens, *seen.stages, seen.embedding, *seen.tokens]
    scope = scope_of(tower)
    alone = [scope(x), scope.features(x), *scope.tokens(x), *scope.stages(x), scope(x), *scope.tokens(x)]
    assert all((a is None and b is None) or np.array_equal(a, b) for a, b in zip(together, alone, strict=True))
    visits = {path: len(arrays) for path, arrays in notes.nodes.items() if "output_norm" not in path}
    assert set(visits.values()) == {1}  # the output norm sees a ViT's class token and its patches


@pytest.mark.parametrize("name", TOWERS)
def test_what_is_not_asked_for_is_not_computed(name):
    tower, x = TOWERS[name], inputs_of(TOWERS[name])
    calls = lambda function: len(record(tower, {"x": (x.shape, x.dtype)}, False, function).program.calls)
    alone = calls(lambda ops, p, s: {"y": p(s["x"])})
    assert alone == calls(lambda ops, p, s: {"y": p.encode(s["x"]).embedding})
    assert alone < calls(lambda ops, p, s: {"y": (seen := p.encode(s["x"])).embedding, "tokens": seen.tokens[0] + 1})


@pytest.mark.parametrize("kind", [ImageTower, TextTower])
def test_every_published_tower_is_hashable_and_equal_to_itself(kind):
    for name in known(kind):
        if "/" in name or "-" in name:  # a preset; a type has no sizes of its own
            assert hash(build(kind, name)) == hash(build(kind, name)) and build(kind, name) == build(kind, name)


def read_all(ops, p, inputs):
    """Outputs of one pass, and a scalar that all of them enter."""
    seen = p.encode(inputs["x"])
    arrays = [seen.embedding, seen.tokens[0], *p.stages(inputs["x"])]
    scalar = None
    for i, array in enumerate(arrays):
        term = ops.mean(array * array * (i + 1), tuple(range(len(array.shape))))
        scalar = term if scalar is None else scalar + term
    mask = {} if seen.tokens[1] is None else {"mask": seen.tokens[1]}
    return {"scalar": scalar, **mask, **{str(i): array for i, array in enumerate(arrays)}}


@pytest.mark.parametrize("name", ["vit", "modified_resnet", "swin", "end"])
def test_engines_agree(name):
    tower, weights, x = TOWERS[name], weights_of(TOWERS[name]), inputs_of(TOWERS[name])
    by = [n for n, parameter in tower.all_parameters()][:3]
    judge = INTERPRETERS["numpy64"](tower, weights, {"x": x}, read_all)
    gradients = INTERPRETERS["torch64"](tower, weights, {"x": x}, read_all, by=by).gradients
    stages = [f"stages[{i}]" for i in range(len(tower.stage_dims))]
    assert set(stages) < set(judge.nodes) and set(gradients) == set(by)
    for engine in ("torch", "mindspore"):
        found = INTERPRETERS[engine](tower, weights, {"x": x}, read_all, by=by)
        assert max(error(found.outputs[n], judge.outputs[n]) for n in judge.outputs) < 1e-5
        assert max(error(found.nodes[n][0], judge.nodes[n][0]) for n in judge.nodes) < 1e-5
        assert max(error(found.gradients[n], gradients[n]) for n in by) < 1e-4


@pytest.mark.parametrize("name", ["basic_resnet", "mobilenet", "swin"])
def test_engines_agree_in_training_by_every_parameter(name):
    """Statistics of the batch, and convolutions of each channel alone."""
    tower, x = IMAGE[name], inputs_of(IMAGE[name])
    if name == "swin":
        tower = replace(tower, projection_bias=True)
    weights, by = weights_of(tower), [n for n, _ in tower.all_parameters()]
    judge = INTERPRETERS["numpy64"](tower, weights, {"x": x}, read_all, training=True)
    gradients = INTERPRETERS["torch64"](tower, weights, {"x": x}, read_all, training=True, by=by).gradients
    # Some have no effect, and rounding is all that engines give: a key's bias moves all logits of a query alike, and a
    # bias in front of a convolution and a batch norm is taken out with the mean (a MobileNet's narrow maps).
    rms = {n: float(np.sqrt(np.mean(g * g))) for n, g in gradients.items()}
    by = [n for n in by if rms[n] > 1e-6 * np.median([*rms.values()])]
    assert all(n.endswith(("key.bias", "reduce_norm.bias")) for n in rms.keys() - {*by}) and len(rms) - len(by) < 4
    stages = range(len(tower.stage_dims))
    for engine in ("torch", "mindspore"):
        found = INTERPRETERS[engine](tower, weights, {"x": x}, read_all, training=True, by=by)
        assert max(error(found.nodes[f"stages[{i}]"][0], judge.nodes[f"stages[{i}]"][0]) for i in stages) < 1e-5
        assert max(error(found.outputs[n], judge.outputs[n]) for n in judge.outputs) < 1e-5
        assert found.updates.keys() == judge.updates.keys()
        assert max([0.0, *(error(found.updates[n], judge.updates[n]) for n in judge.updates)]) < 1e-5
        assert max(error(found.gradients[n], gradients[n]) for n in by) < 1e-4


# ------------------------------------------------------------------ images
@pytest.mark.parametrize(
    "preset, sizes",
    [
        ("ResNet-50", [(256, 56), (512, 28), (1024, 14), (2048, 7)]),
        ("RN50", [(256, 56), (512, 28), (1024, 14), (2048, 7)]),
        ("UniCL-Swin-T", [(96, 56), (192, 28), (384, 14), (768, 7)]),
        ("LightCLIP-ResNet18", [(64, 56), (128, 28), (256, 14), (512, 7)]),
        ("LightCLIP-MobileNet-V2", [(24, 56), (32, 28), (96, 14), (320, 7)]),
        ("LightCLIP-Swin-Nano", [(48, 56), (96, 28), (192, 14), (384, 7)]),
        ("ViT-B/32", [(768, 7)] * 4),
        ("PyramidCLIP-ViT-B/16", [(768, 14)] * 4),
    ],
)
def test_stages_of_the_published_towers_at_224(preset, sizes):
    tower = build(ImageTower, preset)
    shapes = {"x": ((2, 3, 224, 224), np.dtype(np.float32))}
    read = lambda ops, p, s: dict(enumerate((*p.stages(s["x"]), p.tokens(s["x"])[0])))
    *stages, tokens = shapes_of(record(tower, shapes, False, read).outputs.values())
    assert stages == [(2, channels, side, side) for channels, side in sizes]
    assert tower.stage_dims == tuple(channels for channels, _ in sizes)
    assert tokens == (2, sizes[-1][1] ** 2, sizes[-1][0])


@pytest.mark.parametrize("name", IMAGE)
def test_tokens_are_the_grid_row_by_row(name):
    scope, x = scope_of(IMAGE[name]), inputs_of(IMAGE[name])
    (tokens, mask), grid = scope.tokens(x), scope.encode_grid(x)
    assert mask is None and tokens.shape[1] == grid.shape[2] * grid.shape[3]
    for row, column in np.ndindex(grid.shape[2:]):
        np.testing.assert_array_equal(tokens[:, row * grid.shape[3] + column], grid[:, :, row, column])


@pytest.mark.parametrize("name", ["vit", "leff"])
def test_a_stage_of_a_vit_is_the_last_map_of_its_first_blocks(name):
    tower, weights, x = IMAGE[name], weights_of(IMAGE[name]), inputs_of(IMAGE[name])
    for i, stage in enumerate(scope_of(tower, weights).stages(x)):
        blocks = tower.layers // 4 * (i + 1)
        shorter = replace(tower, layers=blocks, leff_depth=min(tower.leff_depth, blocks))
        np.testing.assert_allclose(_normed(stage, weights, 1), scope_of(shorter, weights).encode_grid(x), atol=1e-10)


def test_a_stage_of_a_swin_is_the_last_map_of_a_swin_that_ends_there():
    tower, x = IMAGE["swin"], inputs_of(IMAGE["swin"])
    weights = weights_of(tower)
    first, last = scope_of(tower, weights).stages(x)
    np.testing.assert_allclose(_normed(last, weights, 1), scope_of(tower, weights).encode_grid(x), atol=1e-10)
    shorter = replace(tower, depths=(1,), heads=(1,))
    end = {f"output_norm.{name}": weights[f"output_norm.{name}"][:4] for name in ("weight", "bias")}
    np.testing.assert_allclose(_normed(first, end, 1), scope_of(shorter, weights | end).encode_grid(x), atol=1e-10)


def _normed(x, weights, axis):
    """The output norm along an axis."""
    lift = lambda name: weights[f"output_norm.{name}"].reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    centred = x - x.mean(axis, keepdims=True)
    return centred / np.sqrt(x.var(axis, keepdims=True) + 1e-5) * lift("weight") + lift("bias")


@pytest.mark.parametrize("name", ["modified_resnet", "basic_resnet", "mobilenet"])
def test_the_attention_pool_is_given_the_tokens(name):
    tower, x = IMAGE[name], inputs_of(IMAGE[name])
    scope = scope_of(tower)
    tokens, _ = scope.tokens(x)
    batch, count, width = tokens.shape
    grid = tokens.transpose(0, 2, 1).reshape(batch, width, *(round(count**0.5),) * 2)
    np.testing.assert_array_equal(scope.pool(grid), scope(x))
    np.testing.assert_array_equal(scope.stages(x)[-1], grid)


# ------------------------------------------------------------------ texts
@pytest.mark.parametrize("name", TEXT)
def test_a_stage_of_a_text_is_what_its_first_blocks_give(name):
    tower, weights, ids = TEXT[name], weights_of(TEXT[name]), inputs_of(TEXT[name])
    for i, stage in enumerate(scope_of(tower, weights).stages(ids)):
        shorter = replace(tower, layers=tower.layers // 4 * (i + 1))
        np.testing.assert_allclose(_normed(stage, weights, 2), scope_of(shorter, weights).tokens(ids)[0], atol=1e-10)


@pytest.mark.parametrize("name", TEXT)
def test_the_mask_of_a_text_ends_with_it(name):
    lengths = (2, 7, 5)
    tokens, mask = scope_of(TEXT[name]).tokens(captions(lengths))
    assert mask.tolist() == [[1.0] * n + [0.0] * (7 - n) for n in lengths] and tokens.shape == (3, 7, 8)


@pytest.mark.parametrize("name", TEXT)
def test_what_is_pooled_of_a_text_is_among_its_tokens(name):
    scope, lengths = scope_of(TEXT[name]), (3, 7, 2)
    (tokens, _), features = scope.tokens(captions(lengths)), scope.features(captions(lengths))
    ends = np.stack([row[n - 1] for row, n in zip(tokens, lengths)])
    np.testing.assert_array_equal(features, tokens.max(1) if name == "max" else ends)


MASK = 11  # one above the vocabulary


def masked(rows):
    """Captions of which the second place is masked, the same with the word of the given row there, and their ends."""
    plain = captions((4, 7, 6))
    plain[:, 1] = 3
    other = plain.copy()
    other[:, 1] = MASK
    return plain, other, np.array([3, 6, 5], np.int32), np.concatenate((rows, rows[3:4]))


@pytest.mark.parametrize("name", TEXT)
def test_another_table_gives_what_its_rows_say(name):
    """A [MASK] whose row is that of a word reads as the word, embedding, mask and all."""
    weights = weights_of(TEXT[name])
    plain, other, end, table = masked(weights["tokens"].astype(np.float64))
    scope = scope_of(TEXT[name], weights)
    wanted, found = scope.encode(plain), scope.encode(other, table, end)
    np.testing.assert_array_equal(found.embedding, wanted.embedding)
    for a, b in zip((*found.tokens, *found.stages), (*wanted.tokens, *wanted.stages)):
        np.testing.assert_array_equal(a, b)
    table[MASK, ::2] += 1.0
    assert np.abs(scope(other, table, end) - wanted.embedding).max() > 1e-3


def test_a_mask_is_not_taken_for_the_end_of_text():
    tower, weights = TEXT["end"], weights_of(TEXT["end"])
    plain, other, end, table = masked(weights["tokens"].astype(np.float64))
    scope = scope_of(tower, weights)
    assert tower.length(plain) == tower.length(other, end) == 7
    assert tower.length(other[[0]], end[[0]]) == 4  # the mask stands at 1
    with pytest.raises(ValueError, match="11 is beyond the vocabulary of 11"):
        tower.length(other)
    with pytest.raises(ValueError, match="give `end` too"):
        scope(other, table)
    with pytest.raises(ValueError, match="give `end` too"):
        scope.tokens(other, table)
    wrong = np.array([1, 1, 1], np.int32)  # where the highest id stands
    assert np.abs(scope(other, table, wrong) - scope(other, table, end)).max() > 1e-3


def test_an_embedding_is_one_token():
    tower = TextEmbedding(vocab_size=11, embed_dim=6)
    scope, ids = scope_of(tower), captions((3, 3), 3)
    tokens, mask = scope.tokens(ids)
    assert mask is None and tokens.shape == (2, 1, tower.token_dim)
    np.testing.assert_array_equal(tokens[:, 0], scope(ids))
    np.testing.assert_array_equal(scope.features(ids), scope(ids))


# ------------------------------------------------------------------ errors
@pytest.mark.parametrize("tower", [replace(IMAGE["vit"], layers=6), replace(TEXT["end"], layers=2)], ids=["6", "2"])
def test_blocks_that_do_not_divide_have_no_stages_and_all_else(tower):
    scope, x = scope_of(tower), inputs_of(tower)
    assert scope.tokens(x)[0].shape[2] == 8 and scope(x).shape == (3, 6)
    with pytest.raises(UserError, match=f"{tower.layers} blocks do not divide; take a multiple of 4"):
        scope.stages(x)
    with pytest.raises(UserError, match=f"{tower.layers} blocks do not divide"):
        _ = tower.stage_dims


def test_an_embedding_has_no_stages():
    tower = TextEmbedding(vocab_size=11, embed_dim=6)
    with pytest.raises(UserError, match="no blocks"):
        scope_of(tower).stages(captions((3,), 3))


VIT = {"type": "vit", "resolution": 16, "patch": 8, "width": 8, "layers": 4, "heads": 2, "embed_dim": 6}
MODIFIED = {"type": "modified_resnet", "resolution": 64, "layers": [1, 1, 1, 1], "width": 8, "heads": 4, "embed_dim": 6}
BASIC = MODIFIED | {"type": "basic_resnet"}
MOBILE = {"type": "mobilenet_v2", "resolution": 64, "heads": 5, "embed_dim": 6, "width": 8, "expansion": 2}
SHIFTED = {"type": "swin", "resolution": 32, "width": 8, "depths": [1, 1], "heads": [2, 2], "window": 4, "patch": 4}
SHIFTED |= {"embed_dim": 6}
PLAIN = {"type": "resnet", "resolution": 32, "layers": [1, 1], "width": 8, "embed_dim": 6}
WORDS = {"type": "text_transformer", "vocab_size": 11, "context_length": 7, "width": 8, "layers": 4, "heads": 2}
WORDS |= {"embed_dim": 6}
SINGLE = {"type": "text_embedding", "vocab_size": 11, "embed_dim": 6, "context_length": 3}


@pytest.mark.parametrize(
    "tower, key, value",
    [
        *((VIT, key, value) for key in sorted(VIT.keys() - {"type"}) for value in (0, -32)),
        *((MODIFIED, key, value) for key in sorted(MODIFIED.keys() - {"type", "layers"}) for value in (0, -32)),
        *((BASIC, key, value) for key in sorted(BASIC.keys() - {"type", "layers"}) for value in (0, -32)),
        *((MOBILE, key, value) for key in sorted(MOBILE.keys() - {"type"}) for value in (0, -32)),
        *((PLAIN, key, value) for key in sorted(PLAIN.keys() - {"type", "layers"}) for value in (0, -32)),
        *((SHIFTED, key, value) for key in sorted(SHIFTED.keys() - {"type", "depths", "heads"}) for value in (0, -32)),
        (SHIFTED, "depths", [0, 1]),
        (SHIFTED, "heads", [2, 0]),
        (SHIFTED, "heads", [2]),
        *((WORDS, key, value) for key in sorted(WORDS.keys() - {"type"}) for value in (0, -32)),
        *((SINGLE, key, value) for key in sorted(SINGLE.keys() - {"type"}) for value in (0, -32)),
        (MODIFIED, "layers", [1, 0, 1, 1]),
        (MODIFIED, "resolution", 16),  # the pool would have no side
        (MODIFIED, "heads", 3),
        (MODIFIED, "width", 7),
        (BASIC, "layers", [1, 1, 0, 1]),
        (BASIC, "layers", [1, 1, 1]),
        (BASIC, "resolution", 48),
        (BASIC, "heads", 3),
        (BASIC, "width", 7),
        (MOBILE, "resolution", 48),
        (MOBILE, "heads", 3),
        (MOBILE, "widths", [8, 8, 8, 8, 8, 0, 10]),
        (MOBILE, "widths", [8, 8, 10]),
        (MOBILE, "blocks", [1, 1, 1, 1, 1, 1]),
        (PLAIN, "layers", [1, 0]),
        (PLAIN, "layers", []),
        (SINGLE, "context_length", 1),
    ],
    ids=str,
)
def test_sizes_that_make_no_tower_are_refused_in_one_line(tower, key, value):
    kind = TextTower if "text" in tower["type"] else ImageTower
    build(kind, tower)
    with pytest.raises(UserError) as caught:
        build(kind, tower | {key: value}, "method.tower")
    message = str(caught.value)
    assert (
        message.startswith(("method.tower: ", f"method.tower.{key} is "))
        and "\n" not in message
        and key.split("_")[0] in message
    )


def test_a_list_of_a_configuration_becomes_a_tuple():
    assert build(ImageTower, PLAIN).layers == (1, 1) and build(ImageTower, SHIFTED).heads == (2, 2)
