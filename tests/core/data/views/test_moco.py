"""MoCo v2's changes against torchvision's own, how often and how large they are, and that nothing else is drawn."""

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as theirs
from PIL import Image

from tandemclip.core.config.build import build
from tandemclip.core.data import images
from tandemclip.core.data.records import Record
from tandemclip.core.data.views import moco
from tandemclip.core.data.views.crop import Crop
from tandemclip.core.data.views.moco import MoCoV2
from tandemclip.core.errors import UserError
from tandemclip.core.random import generator

SIZES = [(1, 1), (1, 7), (20, 30)]


def picture(height=20, width=30, seed=0):
    return generator("moco", seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def on_tensors(function, pixels, *given):
    """torchvision's other implementation, which shares nothing with Pillow."""
    return function(torch.tensor(pixels).permute(2, 0, 1), *given).permute(1, 2, 0).numpy().astype(int)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
@pytest.mark.parametrize("factor", [0.0, 0.6, 1.0, 1.4])
def test_factors_are_torchvisions(name, factor, size):
    pixels = picture(*size)
    found = getattr(moco, f"adjust_{name}")(pixels, factor)
    function = getattr(theirs, f"adjust_{name}")
    assert np.array_equal(found, np.asarray(function(Image.fromarray(pixels), factor)))
    assert np.abs(found - on_tensors(function, pixels, factor)).max() <= 1  # it cuts decimals off


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shift", [-0.5, -0.1, -0.003, 0.0, 0.07, 0.1])
def test_a_shift_of_hue_is_torchvisions(shift, size):
    pixels = picture(*size)
    found = moco.adjust_hue(pixels, shift)
    assert np.array_equal(found, np.asarray(theirs.adjust_hue(Image.fromarray(pixels), shift)))
    # Pillow's circle has 256 colours, so that one step is 6 values of a channel; the shift and the colour are both cut.
    assert np.abs(found - on_tensors(theirs.adjust_hue, pixels, shift)).max() <= 3 * 6


def test_a_third_of_the_circle_turns_red_into_green():
    red = np.full((2, 3, 3), (200, 0, 0), np.uint8)
    assert np.abs(moco.adjust_hue(red, 1 / 3) - np.array((0.0, 200, 0))).max() < 6
    assert np.abs(moco.adjust_hue(red, -1 / 3) - np.array((0.0, 0, 200))).max() < 6


@pytest.mark.parametrize("size", SIZES)
def test_grey_is_torchvisions(size):
    pixels = picture(*size)
    found = moco.grey(pixels)
    assert np.array_equal(found, np.asarray(theirs.to_grayscale(Image.fromarray(pixels), 3)))
    assert np.abs(found - on_tensors(theirs.rgb_to_grayscale, pixels, 3)).max() <= 1


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.0, 2.0])
def test_blur_is_torchvisions_to_rounding(sigma):
    pixels, side = picture(), 2 * int(np.ceil(4 * sigma)) + 1
    found = moco.gaussian_blur(pixels, sigma).astype(int)
    assert np.abs(found - on_tensors(theirs.gaussian_blur, pixels, side, sigma)).max() <= 1
    assert (sigma > 0.1) == (found != pixels).any()


@pytest.mark.parametrize("size", SIZES)
def test_any_size_goes_through_and_the_picture_itself_stays(size):
    pixels = picture(*size)
    before = pixels.copy()
    for seed in range(20):
        found = MoCoV2()(pixels[:, ::-1], np.random.default_rng(seed))
        assert found.shape == pixels.shape and found.dtype == np.uint8
    assert np.array_equal(pixels, before)


def test_how_often_how_large_and_in_which_order(monkeypatch):
    seen = []

    def note(name):
        return lambda pixels, *amount: seen.append((name, *amount)) or pixels

    monkeypatch.setattr(moco, "ADJUST", tuple((note(kind), neutral) for kind, (_, neutral) in enumerate(moco.ADJUST)))
    monkeypatch.setattr(moco, "grey", note("grey"))
    monkeypatch.setattr(moco, "gaussian_blur", note("blur"))
    rng, runs, pixels = generator("draws"), 4000, picture()
    steps = []  # of each picture
    for _ in range(runs):
        before = len(seen)
        MoCoV2()(pixels, rng)
        steps.append(tuple(name for name, *_ in seen[before:]))
    for names, chance in {(0, 1, 2, 3): 0.8, ("grey",): 0.2, ("blur",): 0.5}.items():
        assert all(len({*names} & {*each}) in (0, len(names)) for each in steps)
        assert np.mean([names[0] in each for each in steps]) == pytest.approx(chance, abs=0.03)
    for one, other, both in [(0, "grey", 0.16), (0, "blur", 0.4), ("grey", "blur", 0.1)]:  # independent of each other
        assert np.mean([{one, other} <= {*each} for each in steps]) == pytest.approx(both, abs=0.03)
    assert all([*each[-2:]] == ["grey", "blur"] for each in steps if {"grey", "blur"} <= {*each})
    orders = np.unique([each[:4] for each in steps if 0 in each], axis=0, return_counts=True)[1] / 3200
    assert len(orders) == 24 and np.abs(orders - 1 / 24).max() < 0.015
    for name, (low, high) in {0: (0.6, 1.4), 1: (0.6, 1.4), 2: (0.6, 1.4), 3: (-0.1, 0.1), "blur": (0.1, 2.0)}.items():
        values = np.array([each[1] for each in seen if each[0] == name])
        assert low <= values.min() < low + 0.02 * (high - low) and high - 0.02 * (high - low) < values.max() <= high
        assert values.std() == pytest.approx((high - low) / 12**0.5, rel=0.05)  # uniform


def test_a_step_left_out_leaves_the_others_as_they_were():
    pixels = picture()
    for seed in range(30):
        alone = [
            MoCoV2(hue=0, contrast=0, saturation=0, grey=0, blur=0),
            MoCoV2(jitter=0, blur=0),
            MoCoV2(jitter=0, grey=0),
        ]
        in_turn = pixels
        for step in alone:
            in_turn = step(in_turn, np.random.default_rng(seed))
        whole = MoCoV2(hue=0, contrast=0, saturation=0)(pixels, np.random.default_rng(seed))
        assert np.array_equal(in_turn, whole)
    nothing = MoCoV2(0, 0, 0, 0, grey=0, blur=0)
    assert np.array_equal(nothing(pixels, np.random.default_rng(0)), pixels)


def test_a_crop_without_it_draws_nothing_more():
    """The crop, then the flip, and the next number of the record is the one after them."""
    record, used, by_hand = Record("key", picture()), np.random.default_rng(3), np.random.default_rng(3)
    found = Crop((0.5, 1.0), flip=True).view(16)(record, used, None)[""]
    pixels = images.resize_antialiased(images.random_crop(record.pixels, (0.5, 1.0), (3 / 4, 4 / 3), by_hand), 16, 16)
    pixels = pixels[:, ::-1] if by_hand.random() < 0.5 else pixels
    assert np.array_equal(found, images.normalise(pixels, images.CLIP_MEAN, images.CLIP_STD))
    assert used.random() == by_hand.random()


def test_a_configuration_asks_for_it():
    crop = build(Crop, {"area": [0.2, 1.0], "flip": True, "moco_v2": {}}, "crop")
    assert crop.moco_v2 == MoCoV2() and build(Crop, {}, "crop").moco_v2 is None
    scenes = build(Crop, {"moco_v2": {"hue": 0.0, "grey": 0.0}}, "crop")
    assert (scenes.moco_v2.hue, scenes.moco_v2.grey, scenes.moco_v2.blur) == (0, 0, 0.5)
    record = Record("key", picture())
    draw = lambda crop, seed: crop.view(16)(record, np.random.default_rng(seed), None)[""]
    assert all(np.array_equal(draw(crop, seed), draw(crop, seed)) for seed in range(5))
    plain = Crop((0.2, 1.0), flip=True)
    assert sum(not np.array_equal(draw(crop, seed), draw(plain, seed)) for seed in range(40)) > 30


@pytest.mark.parametrize("wrong", [{"hue": 0.6}, {"blur": -0.1}, {"brightness": 1.5}, {"sigma": [0.0, 1.0]}])
def test_what_no_colour_can_be_is_told(wrong):
    name = next(iter(wrong))
    with pytest.raises(UserError, match=rf"^crop.moco_v2.{name} is .*, expected "):
        build(Crop, {"moco_v2": wrong}, "crop")
