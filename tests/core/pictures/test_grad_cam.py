"""Grad-CAM against its closed form, on every image tower, and equal on both engines."""

import numpy as np
import pytest

from tandemclip.core.errors import UserError
from tandemclip.core.pictures.grad_cam import grad_cam, weighed
from tandemclip.core.random import generator
from tandemclip.tests.core.pictures.small import small_model

TEXTS = ["a red seven", "a blue two and a green four", "one"]
# every kind of image tower; those of stride 32 with more pixels than their configurations have
TOWERS = {
    "vit": ("tiny_clip_vit", {}),
    "leff": ("tiny_pyramidclip_vit", {}),
    "vit_without_class_token": ("tiny_filip_vit", {}),  # FILIP reads the patches' tokens alone
    "modified_resnet": ("tiny_clip_rn", {"image": {"resolution": 128}}),
    "resnet": ("tiny_unicl_resnet", {}),
    "basic_resnet": ("tiny_lightclip_resnet", {"image": {"resolution": 128}}),
    "mobilenet": ("tiny_lightclip_mobilenet", {"image": {"resolution": 128}}),
    "swin": ("tiny_unicl_swin", {}),
    "swin_nano": ("tiny_lightclip_swin", {}),
}


def images_of(model, count=3):
    size = model.method.image.resolution
    return generator("grad cam").standard_normal((count, 3, size, size)).astype(np.float32)


def model_of(root, tower, engine="torch", **options):
    name, changes = TOWERS[tower]
    return small_model(root, name, engine, changes, **options)


# ------------------------------------------------------------------ the ten lines
def test_it_is_the_closed_form_behind_a_mean(root):
    """f: mean of A, u = P f, s = cos(u, v): d s / d A = P' (v / |v| - s u / |u|) / |u| / places."""
    model = model_of(root, "resnet")
    images, weights = images_of(model), model.engine.weights()
    a, _ = model.node_gradients("encode_image", f"image.{model.method.image.watched}", images, count=3)
    a, project = a.astype(np.float64), weights["image.projection.weight"].astype(np.float64)
    v = model.engine.encode_text(model.reading.ids(TEXTS)).astype(np.float64)
    u = a.mean((2, 3)) @ project.T
    length = np.linalg.norm(u, axis=1, keepdims=True)
    s = (u * v).sum(1, keepdims=True) / length
    alpha = (v - s * u / length) / length @ project / (a.shape[2] * a.shape[3])
    wanted = np.zeros((3, *a.shape[2:]))
    for b in range(3):
        for i in range(a.shape[2]):
            for j in range(a.shape[3]):
                wanted[b, i, j] = max(0.0, sum(alpha[b, k] * a[b, k, i, j] for k in range(a.shape[1])))
    found = grad_cam(model, images, TEXTS)
    assert found.shape == wanted.shape and wanted.max((1, 2)).min() > 0
    np.testing.assert_allclose(found, wanted, atol=1e-4 * wanted.max())


def test_a_channel_weighs_what_its_slope_is_on_the_mean():
    value = np.array([[[[1.0, 2.0], [3.0, -4.0]]]])  # one row of two places, two channels
    gradient = np.array([[[[1.0, 0.0], [3.0, -2.0]]]])  # means 2 and -1
    np.testing.assert_array_equal(weighed(value, gradient), [[[2 * 1 - 2, 2 * 3 + 4]]])
    np.testing.assert_array_equal(weighed(value, -gradient), np.zeros((1, 1, 2)))  # what speaks against it is no heat


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 1, 3, 4), (2, 5, 1, 7)])
def test_its_shape_is_that_of_the_places(shape):
    value, gradient = generator("shapes").standard_normal((2, *shape))
    found = weighed(value, gradient)
    assert found.shape == shape[:3] and (found >= 0).all()
    np.testing.assert_allclose(weighed(value, 3 * gradient), 3 * found)  # the slope's scale is the map's


# ------------------------------------------------------------------ every tower
QUARTERS = [(row, column) for row in (False, True) for column in (False, True)]  # whether it is the last half


def quarter(size, last):
    """Of a side of so many pixels or places."""
    return slice(size // 2, None) if last else slice(size // 2)


@pytest.mark.parametrize("tower", TOWERS)
def test_a_place_of_the_map_is_that_place_of_the_picture(root, tower):
    """What is new in one corner of the picture moves the map in that quarter the most."""
    model = model_of(root, tower)
    first, image = images_of(model, 1), model.method.image
    side, changed = first.shape[2] // 4, np.repeat(first, 4, 0)
    for picture, (row, column) in zip(changed, QUARTERS):
        rows, columns = (slice(-side, None) if last else slice(side) for last in (row, column))
        picture[:, rows, columns] = 3 * generator("new").standard_normal((3, side, side))
    both = np.concatenate([first, changed])
    value = image.map_of(model.node_gradients("encode_image", f"image.{image.watched}", both, count=5)[0], both)
    moved = np.abs(value[1:] - value[:1]).sum(3)
    within = lambda each, row, column: each[quarter(each.shape[0], row), quarter(each.shape[1], column)].sum()
    assert [max(QUARTERS, key=lambda place: within(each, *place)) for each in moved] == QUARTERS


@pytest.mark.parametrize("tower", TOWERS)
def test_both_engines_give_one_map(root, tower):
    maps = {}
    for engine in ("torch", "mindspore"):
        model = model_of(root, tower, engine)
        maps[engine] = grad_cam(model, images_of(model), TEXTS)
    torch, mindspore = maps.values()
    assert torch.shape == mindspore.shape and torch.shape[1] > 1 and torch.max((1, 2)).min() > 0
    assert np.abs(torch - mindspore).max() < 1e-4 * torch.max()


# ------------------------------------------------------------------ how it is asked
def test_a_batch_in_pieces_is_the_whole(root):
    whole, pieces = (model_of(root, "vit", batch_size=size) for size in (100, 2))
    images = images_of(whole)
    np.testing.assert_allclose(grad_cam(pieces, images, TEXTS), grad_cam(whole, images, TEXTS), rtol=1e-4, atol=1e-7)


def test_another_node_may_be_named(root):
    model = model_of(root, "modified_resnet")
    assert grad_cam(model, images_of(model), TEXTS, "stages.1.0").shape == (3, 16, 16)
    model = model_of(root, "vit")
    with_class_token, without = (grad_cam(model, images_of(model), TEXTS, node) for node in ("blocks.0", "patches"))
    assert with_class_token.shape == without.shape == (3, 4, 4)


@pytest.mark.parametrize(
    "tower, node, words",
    [
        (
            "vit",
            "projection",
            r"the node image.projection gives \[3, 24\], which has no places; name one such as blocks",
        ),
        ("vit", "blocks.9", r"no node 'image.blocks.9' gives an array: did you mean image.blocks"),
        ("swin", "stages.0.0.attention.qkv", r"gives \[\d+, \d+, \d+\] of 3 pictures; name one with a row for each"),
        ("resnet", "trunk", "no node 'image.trunk' gives an array"),
    ],
)
def test_a_node_without_a_map_is_refused(root, tower, node, words):
    model = model_of(root, tower)
    with pytest.raises(UserError, match=words):
        grad_cam(model, images_of(model), TEXTS, node)


def test_mindspore_names_an_unknown_node_too(root):
    model = model_of(root, "vit", "mindspore")
    with pytest.raises(UserError, match="no node 'image.blocks.9' gives an array: did you mean image.blocks"):
        grad_cam(model, images_of(model), TEXTS, "blocks.9")


def test_a_method_without_texts_is_refused(root):
    model = small_model(root, "tiny_cross_entropy_resnet")
    with pytest.raises(UserError, match="CrossEntropy reads no texts"):
        grad_cam(model, images_of(model), TEXTS)
