"""Every name of public checkpoints maps onto ours exactly once, and back."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest

from tandemclip.core.config.build import build
from tandemclip.core.errors import UserError
from tandemclip.core.interop import open_clip, pyramidclip, unicl
from tandemclip.core.interop.adapter import SKIPPED, Row, convert, export, left_behind, without_numbers
from tandemclip.core.layers.linear import Linear
from tandemclip.core.layers.roi import RoiInput
from tandemclip.core.methods.clip import CLIP
from tandemclip.core.methods.method import Method
from tandemclip.core.methods.pyramidclip import PyramidCLIP
from tandemclip.core.methods.unicl import UniCL
from tandemclip.core.spec import Spec, initial_weights
from tandemclip.core.towers.modified_resnet import ModifiedResNet
from tandemclip.core.towers.presets import PRESETS
from tandemclip.core.towers.text import TextTransformer
from tandemclip.core.towers.tower import ImageTower, TextTower
from tandemclip.core.towers.vit import VisionTransformer

FILES = {
    "openai_clip_vitb32": "ViT-B/32",
    "openai_clip_vitb16": "ViT-B/16",
    "openai_clip_rn50": "RN50",
    "open_clip_vitb32": "ViT-B/32",
    "open_clip_vitb32quickgelu": "ViT-B/32",
    "open_clip_vitb32_customtext": "ViT-B/32",
    "open_clip_vitb16": "ViT-B/16",
    "open_clip_rn50": "RN50",
    "open_clip_rn50quickgelu": "RN50",
    "pyramidclip_vitb32": "PyramidCLIP-ViT-B/32",
    "pyramidclip_vitb16": "PyramidCLIP-ViT-B/16",
    "pyramidclip_rn50": "PyramidCLIP-RN50",
    "unicl_swin_tiny": "UniCL-Swin-T",
    "unicl_swin_base": "UniCL-Swin-B",
}


def method(image):
    kind = next((kind for kind in (PyramidCLIP, UniCL) if image.startswith(kind.__name__)), CLIP)
    text = "UniCL-text" if kind is UniCL else f"{kind.__name__}-text-{PRESETS[image][1]['embed_dim']}"
    return kind(build(ImageTower, image), build(TextTower, text))


def family(method):
    return {PyramidCLIP: pyramidclip, UniCL: unicl, CLIP: open_clip}[type(method)]


def empty(shape):
    return np.broadcast_to(np.zeros((), np.float32), shape)  # takes no memory


def public(shared, file):
    shapes = json.loads((shared / "state_dicts" / f"{file}.json").read_text())
    return {name: tuple(shape) for name, shape in shapes.items()}, method(FILES[file])


@pytest.mark.parametrize("file", FILES)
def test_every_public_name_maps_exactly_once(shared, file):
    shapes, ours = public(shared, file)
    table = family(ours).table(ours, shapes)
    found = convert({name: empty(shape) for name, shape in shapes.items()}, table, ours)
    declared = dict((*ours.all_parameters(), *ours.all_buffers()))
    assert {n: a.shape for n, a in found.items()} == {n: item.shape for n, item in declared.items()}
    back = export(found, table, ours)
    kept = {name: shape for name, shape in shapes.items() if name.rpartition(".")[2] not in SKIPPED}
    assert {n: a.shape for n, a in back.items()} == kept


@pytest.mark.parametrize("file", [file for file in FILES if "pyramidclip" not in file and "unicl" not in file])
def test_architecture_is_read_from_the_shapes(shared, file):
    shapes, ours = public(shared, file)
    found = open_clip.architecture(shapes)
    assert CLIP(build(ImageTower, found["image"]), build(TextTower, found["text"])) == ours


@pytest.mark.parametrize("file", [file for file in FILES if "unicl" in file])
def test_a_unicl_is_read_from_the_shapes(shared, file):
    shapes, ours = public(shared, file)
    found = build(Method, unicl.configuration(shapes, None))
    assert (
        found.image == replace(ours.image, drop_path=0.0) and found.text == ours.text
    )  # dropping is of training alone


@pytest.mark.parametrize(
    "width, heads", [(384, 6), (768, 12), (1024, 16), (1280, 16)], ids=["ViT-S", "ViT-B", "ViT-L", "ViT-H"]
)
def test_heads_of_the_public_vits(width, heads):
    ours = CLIP(VisionTransformer(32, 16, width, 1, 1, 8), TextTransformer(9, 4, 64, 1, 1, 8))
    shapes = {n: a.shape for n, a in foreign_shapes(ours).items()}
    assert open_clip.architecture(shapes)["image"]["heads"] == heads


def foreign_shapes(ours):
    declared = (*ours.all_parameters(), *ours.all_buffers())
    return export({name: empty(item.shape) for name, item in declared}, family(ours).table(ours), ours)


# ------------------------------------------------------------------ small ones, with values
TEXT = TextTransformer(9, 4, 8, 3, 2, 6)
SMALL = {
    "vit": CLIP(VisionTransformer(32, 16, 8, 2, 2, 6), TEXT),
    "resnet": CLIP(ModifiedResNet(32, (2, 1, 1, 1), 4, 2, 6), TEXT),
}


@pytest.fixture(params=SMALL)
def small(request):
    ours = SMALL[request.param]
    weights = initial_weights(ours, 3)
    return ours, weights, open_clip.table(ours)


def test_round_trip_keeps_every_bit(small):
    ours, weights, table = small
    foreign = export(weights, table, ours)
    again = convert(foreign, table, ours)
    assert again.keys() == weights.keys()
    assert all(again[name].tobytes() == weights[name].tobytes() for name in weights)
    assert any(foreign[row.theirs].shape != weights[row.ours].shape for row in table)  # something was transposed


def test_a_square_matrix_is_transposed_where_shapes_do_not_show_it(small):
    ours, weights, table = small
    square = CLIP(ours.image, TextTransformer(9, 4, 6, 1, 1, 6))
    weights = initial_weights(square, 3)
    foreign = export(weights, open_clip.table(square), square)
    np.testing.assert_array_equal(foreign["text_projection"], weights["text.projection.weight"].T)
    np.testing.assert_array_equal(
        foreign["transformer.resblocks.0.attn.in_proj_weight"], weights["text.blocks.0.attention.qkv.weight"]
    )


def refused(foreign, table, ours, *words):
    with pytest.raises(UserError) as caught:
        convert(foreign, table, ours)
    message = str(caught.value)
    assert "\n" not in message and all(word in message for word in words), message


def test_faults_are_named(small):
    ours, weights, table = small
    foreign = export(weights, table, ours)
    some = "transformer.resblocks.1.ln_2.bias"
    without = {name: array for name, array in foreign.items() if name != some}
    refused(without, table, ours, "missing", some)
    refused(foreign | {"logit_bias": np.zeros((), np.float32)}, table, ours, "not expected", "logit_bias")
    refused(without | {"module." + some: foreign[some]}, table, ours, "missing", "not expected", "module." + some)
    refused(foreign | {some: np.zeros(9, np.float32)}, table, ours, "shape", some, "(9,)", "(8,)")
    refused(foreign | {some: foreign[some].astype(np.int8)}, table, ours, "floating-point", some)
    transposed = foreign | {"text_projection": foreign["text_projection"].T}
    refused(transposed, table, ours, "shape", "text_projection")
    for value in (np.nan, np.inf):
        odd = foreign["text_projection"].astype(np.float16)
        odd[0, 1] = value
        refused(
            foreign | {"text_projection": odd}, table, ours, "text_projection: of", "1 hold numbers that are not finite"
        )


def test_a_single_number_may_have_an_axis(small):
    ours, weights, table = small
    foreign = export(weights, table, ours)
    for shape in ((1,), (1, 1)):
        found = convert(foreign | {"logit_scale": foreign["logit_scale"].reshape(shape)}, table, ours)
        assert found["logit_scale"].shape == () and found["logit_scale"] == weights["logit_scale"]
    refused(foreign | {"logit_scale": np.zeros(2, np.float32)}, table, ours, "shape", "logit_scale (2,)")
    assert foreign["visual.proj" if "visual.proj" in foreign else "text_projection"].ndim == 2  # others keep their axes


def test_numbers_beside_the_arrays_are_held_against_their_shapes(small):
    ours, weights, table = small
    foreign = export(weights, table, ours)
    mapping = {"image": {"resolution": 16}, "text": {"context_length": 4, "vocab_size": 9}}
    told = {"input_resolution": np.array(16), "context_length": np.array([4]), "vocab_size": np.array(9.0)}
    assert without_numbers(foreign | told, mapping) == foreign == without_numbers(foreign, mapping)
    for name in told:
        for other in (np.array(7), np.array([4, 9])):
            with pytest.raises(UserError, match=f"says that {name} is .*, and the shapes of its arrays say"):
                without_numbers(foreign | told | {name: other}, mapping)


def test_only_the_count_of_passes_is_skipped(small):
    ours, weights, table = small
    foreign = export(weights, table, ours)
    count = {"visual.bn1.num_batches_tracked": np.zeros((), np.int64)}
    assert convert(foreign | count, table, ours).keys() == weights.keys()
    refused(foreign | {"num_batches_tracked.x": foreign["logit_scale"]}, table, ours, "num_batches_tracked.x")


def test_a_table_that_does_not_cover_the_spec_is_refused():
    spec = Linear(2, 3)
    arrays = {"w": np.zeros((3, 2), np.float32), "b": np.zeros(3, np.float32)}
    rows = [Row("weight", "w"), Row("bias", "b")]
    assert convert(arrays, rows, spec).keys() == {"weight", "bias"}
    refused(arrays, rows[:1], spec, "bias")
    refused(arrays, [*rows, Row("bias", "c")], spec, "bias")
    refused(arrays, [rows[0], Row("bias", "w")], spec, "w")
    refused(arrays, [*rows, Row("more", "c")], spec, "more")


def test_export_is_as_strict():
    ours, weights = SMALL["vit"], initial_weights(SMALL["vit"], 0)
    table = open_clip.table(ours)
    del weights["image.class_token"]
    with pytest.raises(UserError, match="image.class_token"):
        export(weights, table, ours)


def test_where_pyramidclip_splits_its_text_tower_is_read_from_the_names():
    image = VisionTransformer(32, 16, 8, 3, 2, 6, leff_depth=2, roi=RoiInput(4))
    ours = PyramidCLIP(image, TEXT)
    for front in (1, 2, 3):
        names = [f"transformer.resblocks1.{i}.ln_1.bias" for i in range(front)]
        table = {row.ours: row.theirs for row in pyramidclip.table(ours, names)}
        theirs = [table[f"text.blocks.{i}.attention_norm.bias"] for i in range(3)]
        rear = [f"transformer.resblocks2.{i}.ln_1.bias" for i in range(3 - front)]
        assert theirs == names + rear
        assert table["image.blocks.2.feed_forward.expand.bias"] == "visual.transformer.resblocks2.0.mlp.c_fc.bias"
        assert table["image.blocks.1.feed_forward.expand.bias"] == "visual.transformer.resblocks1.1.mlp.linear1.bias"


def test_towers_of_other_kinds_are_refused():
    with pytest.raises(UserError, match="visual.proj"):
        open_clip.architecture({"visual.trunk.cls_token": (1, 1, 768), "token_embedding.weight": (9, 8)})


@dataclass(frozen=True)
class WithHead(Spec):
    """A linear map that is served, and a head that only training has."""

    def children(self):
        return {"served": Linear(2, 3), "auxiliary.head": Linear(3, 4)}


def test_what_only_training_needs_is_left_out_or_moved_by_rows_of_its_own():
    spec, rows = WithHead(), [Row("served.weight", "w"), Row("served.bias", "b")]
    weights = initial_weights(spec, 0)
    foreign = export(weights, rows, spec)
    assert foreign.keys() == {"w", "b"} and convert(foreign, rows, spec).keys() == {"served.weight", "served.bias"}
    with_head = [*rows, Row("auxiliary.head.weight", "h"), Row("auxiliary.head.bias", "c")]
    assert export(weights, with_head, spec).keys() == {"w", "b", "h", "c"}
    refused(foreign | {"h": foreign["w"]}, rows, spec, "not expected", "h")
    refused(foreign, rows[:1], spec, "served.bias")


def test_axes_of_one_in_front_are_taken_off_and_no_others():
    spec, rows = Linear(2, 3), [Row("weight", "w"), Row("bias", "b")]
    arrays = {"w": np.arange(6, dtype=np.float32).reshape(3, 2), "b": np.ones(3, np.float32)}
    found = convert({"w": arrays["w"][None], "b": arrays["b"][None, None]}, rows, spec)
    np.testing.assert_array_equal(found["weight"], arrays["w"])
    np.testing.assert_array_equal(found["bias"], arrays["b"])
    refused(arrays | {"w": arrays["w"][:, None]}, rows, spec, "shape", "w (3, 1, 2)")
    refused(arrays | {"b": arrays["b"][:, None]}, rows, spec, "shape", "b (3, 1)")
    refused(arrays | {"w": arrays["w"].reshape(1, 2, 3)}, rows, spec, "shape", "w (1, 2, 3)")
    one = Linear(3, 1)
    transposed = [Row("weight", "w", transposed=True), Row("bias", "b")]
    arrays = {"w": np.ones((3, 1), np.float32), "b": np.ones(1, np.float32)}
    assert convert(arrays, transposed, one)["weight"].shape == (1, 3)
    refused(arrays | {"w": arrays["w"].T}, transposed, one, "shape", "w (1, 3)")


def test_rows_of_one_array_go_to_several_or_stay_behind():
    """A vocabulary with a row in the middle that ours has not."""
    spec, table = Linear(2, 3), np.arange(8, dtype=np.float32).reshape(4, 2)
    arrays = {"w": table, "b": np.ones(3, np.float32), "more": np.ones(5, np.float32)}
    kept = Row("weight", "w", spans=((0, 1), (2, 4)))
    rows = [kept, Row(None, "w", spans=((1, 2),)), Row("bias", "b"), Row(None, "more")]
    found = convert(arrays, rows, spec)
    assert found.keys() == {"weight", "bias"} and left_behind(rows) == ["w (row 1)", "more"]
    np.testing.assert_array_equal(found["weight"], table[[0, 2, 3]])
    with pytest.raises(ValueError, match=r"one way: .* w \(row 0, rows 2 to 3\), w \(row 1\), more"):
        export(found, rows, spec)
    refused({name: x for name, x in arrays.items() if name != "more"}, rows, spec, "missing", "more")
    longer = np.ones((5, 2), np.float32)
    refused(arrays | {"w": longer}, rows, spec, "with rows that the table has not once: w (5, 2)")
    refused(arrays | {"w": table[:3]}, rows, spec, "with rows that the table has not once: w (3, 2)")
    for spans in (((2, 3),), ((0, 2),)):
        other = [kept, Row(None, "w", spans=spans), *rows[2:]]
        refused(arrays, other, spec, "with rows that the table has not once: w (4, 2)")
    refused(arrays, [*rows, Row(None, "w")], spec, "differ in w;")
    refused(arrays | {"more": np.ones(5, np.int64)}, rows, spec, "not floating-point: more")
