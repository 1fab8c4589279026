"""What RandAugment's kinds do to pixels, by hand; how often, how large; erasing."""

import numpy as np
import pytest
from PIL import Image

from tandemclip.core.data.records import Record
from tandemclip.core.data.views.augment import KINDS, erase, rand_augment
from tandemclip.core.data.views.crop import Crop
from tandemclip.core.random import generator

FILL = (1, 2, 3)


def picture(seed=0, height=20, width=30):
    return generator("augment", seed).integers(30, 200, (height, width, 3)).astype(np.uint8)


def changed(name, pixels, share=0.9, sign=1):
    return np.asarray(KINDS[name](Image.fromarray(pixels), share, sign, FILL)).astype(int)


def test_kinds_that_go_pixel_by_pixel():
    x = picture().astype(int)
    u8 = x.astype(np.uint8)
    assert np.array_equal(changed("invert", u8), 255 - x)
    assert np.array_equal(changed("posterize", u8), x & 0b10000000)  # 4 - int(0.9 x 4) bits are kept
    assert np.array_equal(changed("posterize", u8, 0.5), x & 0b11000000)
    assert np.array_equal(changed("solarize", u8), np.where(x < 256 - 230, x, 255 - x))
    assert np.array_equal(changed("solarize_add", u8), np.where(x < 128, np.minimum(x + 99, 255), x))
    low, high = x.min((0, 1)), x.max((0, 1))
    assert np.abs(changed("autocontrast", u8) - (x - low) * 255 / (high - low)).max() <= 1
    assert np.abs(changed("brightness", u8, sign=-1) - x * 0.19).max() <= 1
    assert np.abs(changed("brightness", u8) - np.minimum(x * 1.81, 255)).max() <= 1
    grey = x @ [0.299, 0.587, 0.114]
    assert np.abs(changed("contrast", u8, sign=-1) - (0.19 * x + 0.81 * grey.mean())).max() <= 1.5
    assert np.abs(changed("color", u8, sign=-1) - (0.19 * x + 0.81 * grey[..., None])).max() <= 1.5


def test_kinds_that_move():
    x = picture()
    assert np.array_equal(changed("shift_x", x, 2 / 3)[:, :21], x[:, 9:])  # 0.3 of 30 pixels
    assert (
        np.array_equal(changed("shift_y", x, 2 / 3, -1)[6:], x[:-6])
        and (changed("shift_y", x, 2 / 3, -1)[:6] == FILL).all()
    )
    turned = changed("rotate", picture(0, 41, 41), 1.0)
    assert np.array_equal(turned[20, 20], picture(0, 41, 41)[20, 20]) and (turned[0, 0] == FILL).all()
    column = np.zeros((21, 21, 3), np.uint8)
    column[:, 10] = 255
    rows = [changed("shear_x", column, 1.0)[row].argmax(0)[0] for row in (0, 20)]
    assert rows[0] - rows[1] == 6  # 0.3 columns a row, over 20 rows
    assert (
        changed("shear_y", column.transpose(1, 0, 2), 1.0).transpose(1, 0, 2) == changed("shear_x", column, 1.0)
    ).all()


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_changes_the_picture_and_keeps_its_size(name):
    found = changed(name, picture())
    assert found.shape == (20, 30, 3) and (found != picture()).any()


def test_equalize_spreads_the_values():
    dark = (picture() // 4).astype(np.uint8)
    found = changed("equalize", dark)
    assert found.min() == 0 and found.max() == 255 and found.std() > 2 * dark.std()


def test_a_quarter_stays_as_it_is_and_the_rest_is_drawn(monkeypatch):
    """Two draws of which each does something half the time."""
    seen = []
    for name in KINDS:
        monkeypatch.setitem(
            KINDS, name, lambda image, share, sign, fill, name=name: seen.append((name, share, sign)) or image
        )
    rng, runs = generator("rand augment"), 4000
    counts = []
    for _ in range(runs):
        before = len(seen)
        rand_augment(picture(), FILL, rng)
        counts.append(len(seen) - before)
    assert np.abs(np.bincount(counts, minlength=3) / runs - [0.25, 0.5, 0.25]).max() < 0.03
    names, shares, signs = zip(*seen)
    assert {name: names.count(name) / len(names) for name in KINDS} == pytest.approx(
        dict.fromkeys(KINDS, 1 / 15), abs=0.02
    )
    assert max(shares) == 1.0 and np.mean(shares) == pytest.approx(0.9, abs=0.01) and abs(np.mean(signs)) < 0.06


def test_erasing():
    rng, sizes, where, erased = generator("erase"), [], np.zeros((16, 24)), 0
    for _ in range(1000):
        planes = erase(np.full((3, 16, 24), 9.0, np.float32), 0.25, rng)
        gone = planes[0] != 9
        assert np.array_equal(gone, planes[2] != 9)
        if gone.any():
            rows, columns = np.flatnonzero(gone.any(1)), np.flatnonzero(gone.any(0))
            assert gone.sum() == len(rows) * len(columns) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
            sizes.append(gone.mean())
            where += gone
            erased += 1
            noise = planes[:, gone]
    assert 0.2 < erased / 1000 < 0.3 and 0.015 < min(sizes) < 0.04 and 0.25 < max(sizes) < 0.36
    assert where.min() > 0 and abs(noise.mean()) < 1


def test_a_crop_asks_for_both_and_the_record_s_own_numbers_decide():
    record = Record("key", picture())
    view = Crop(flip=True, rand_augment=True, erase=0.5).view(16)
    plain = Crop(flip=True).view(16)
    draw = lambda view, seed: view(record, np.random.default_rng(seed), None)[""]
    assert all(np.array_equal(draw(view, seed), draw(view, seed)) for seed in range(5))
    assert sum(not np.array_equal(draw(view, seed), draw(plain, seed)) for seed in range(20)) > 10
