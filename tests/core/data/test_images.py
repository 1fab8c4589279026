import io
import struct
import zlib
from contextlib import suppress

import cv2
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tandemclip.core.data import images
from tandemclip.core.data.records import BrokenRecord, Record
from tandemclip.core.data.sources.kinds import PICTURES
from tandemclip.core.data.views.image import CentreView


def smooth(height, width, seed=0):
    coarse = np.random.default_rng(seed).integers(0, 255, (4, 5, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def encoded(pixels, kind, mode="RGB", **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_come_back_as_they_were(kind):
    pixels = smooth(17, 23)
    np.testing.assert_array_equal(images.decode(encoded(pixels, kind)), pixels)


@pytest.mark.parametrize("kind,mode", [("JPEG", "RGB"), ("JPEG", "L"), ("PNG", "L"), ("PNG", "P"), ("PNG", "RGBA")])
def test_decodes_as_pillow_does(kind, mode):
    data = encoded(smooth(40, 31), kind, mode)
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    np.testing.assert_array_equal(images.decode(data), expected)


def test_cmyk_becomes_rgb():
    pixels = smooth(40, 31)
    decoded = images.decode(encoded(pixels, "JPEG", "CMYK", quality=95))
    assert decoded.shape == pixels.shape
    assert np.abs(decoded.astype(int) - pixels).mean() < 8  # there is no one conversion, but an inverted one is far off


def test_sixteen_bits_keep_the_high_byte():
    deep = np.random.default_rng(0).integers(0, 1 << 16, (9, 11), np.uint16)
    decoded = images.decode(cv2.imencode(".png", deep)[1].tobytes())
    assert decoded.shape == (9, 11, 3) and decoded.dtype == np.uint8
    assert np.abs(decoded[:, :, 0].astype(int) - (deep >> 8)).max() <= 1


def test_exif_orientation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees
    pixels = smooth(20, 30)
    decoded = images.decode(encoded(pixels, "JPEG", quality=100, subsampling=0, exif=exif))
    assert np.abs(decoded.astype(int) - np.rot90(pixels, -1)).mean() < 3


@pytest.mark.parametrize("kind, mode", [("WEBP", "RGB"), ("PNG", "RGB"), ("GIF", "P"), ("TIFF", "RGB")])
def test_of_an_animation_there_is_the_first_picture(kind, mode):
    frames = [Image.fromarray(smooth(40, 31, seed)).convert(mode) for seed in range(3)]
    buffer = io.BytesIO()
    frames[0].save(
        buffer, kind, save_all=True, append_images=frames[1:], **({"lossless": True} if kind == "WEBP" else {})
    )
    np.testing.assert_array_equal(images.decode(buffer.getvalue()), np.asarray(frames[0].convert("RGB")))


def test_sixteen_bit_colour_keeps_the_high_byte_in_its_channel():
    deep = np.random.default_rng(0).integers(0, 1 << 16, (9, 11, 3), np.uint16)
    for kind in (".png", ".tiff"):
        decoded = images.decode(cv2.imencode(kind, deep)[1].tobytes())
        assert np.abs(decoded[:, :, ::-1].astype(int) - (deep >> 8)).max() <= 1


@pytest.mark.parametrize("width, height", [(100_000, 100_000), (2**31 - 1, 1)])
def test_an_image_that_claims_to_be_huge_is_not_decoded(width, height):
    """And needs no memory for it."""
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    gif = (
        b"GIF89a"
        + struct.pack("<HH", 65535, 65535)
        + b"\0\0\0,"
        + struct.pack("<HHHH", 0, 0, 65535, 65535)
        + b"\0\2\0;"
    )
    for data in (png, gif):
        with pytest.raises(images.Undecodable):
            images.decode(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "GIF"])
@pytest.mark.parametrize("part", [0.0, 0.01, 0.3, 0.6, 0.9])
def test_a_file_that_was_cut_is_not_decoded(kind, part):
    data = encoded(np.random.default_rng(0).integers(0, 255, (40, 30, 3), np.uint8), kind)
    with pytest.raises(images.Undecodable):
        images.decode(data[: int(part * len(data))])


def test_a_jpeg_whose_end_is_only_that_of_its_thumbnail_is_cut_short():
    whole = encoded(smooth(64, 64), "JPEG")
    thumbnail = encoded(smooth(8, 8), "JPEG")
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    with_thumbnail = whole[:2] + segment + whole[2:]
    assert images.decode(with_thumbnail).shape == (64, 64, 3)
    with pytest.raises(images.Undecodable):
        images.decode(with_thumbnail[:-2])


def test_a_broken_image_names_its_record():
    with pytest.raises(BrokenRecord, match="train/000.tar:17.*no whole image"):
        _ = Record("train/000.tar:17", b"<html>not found</html>").pixels


def test_pixels_are_decoded_once():
    record = Record("a", encoded(smooth(20, 30), "PNG"))
    assert record.pixels is record.pixels


def test_a_crop_has_the_share_and_the_shape_asked_for_and_reaches_every_edge():
    height, width = 200, 260
    grid = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), -1).astype(np.int32)
    rng = np.random.default_rng(0)
    shares, edges = [], []
    for _ in range(2000):
        crop = images.random_crop(grid, (0.2, 0.5), (0.75, 4 / 3), rng)
        shares.append(crop.shape[0] * crop.shape[1] / (height * width))
        assert 0.74 < crop.shape[1] / crop.shape[0] < 1.36
        edges.append([*crop[0, 0], *crop[-1, -1]])
    assert 0.195 < min(shares) < 0.21 and 0.49 < max(shares) < 0.505
    assert abs(np.mean(shares) - 0.35) < 0.01  # uniform
    assert np.min(edges, 0)[:2].tolist() == [0, 0] and np.max(edges, 0)[2:].tolist() == [height - 1, width - 1]
    assert abs(np.mean(edges) - (height + width - 2) / 4) < 3  # centred on average


def test_ten_rectangles_are_tried():
    """Of a wide picture few fit; which of ten is the first, by the same draws."""
    firsts = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        shares = rng.uniform(0.3, 1.0, 10) * 5000
        shapes = np.exp(rng.uniform(np.log(0.75), np.log(4 / 3), 10))
        widths, heights = np.round(np.sqrt(shares * shapes)), np.round(np.sqrt(shares / shapes))
        fits = np.flatnonzero((widths <= 100) & (heights <= 50))
        crop = images.random_crop(
            np.zeros((50, 100, 3), np.uint8), (0.3, 1.0), (0.75, 4 / 3), np.random.default_rng(seed)
        )
        firsts.append(fits[0] if fits.size else None)
        assert crop.shape[:2] == ((heights[fits[0]], widths[fits[0]]) if fits.size else (50, 67))
    assert 9 in firsts and None in firsts


@pytest.mark.parametrize("height,width", [(10, 1000), (1000, 10), (1, 1), (1, 50)])
def test_a_crop_of_an_extreme_shape_is_the_largest_allowed_one_in_the_middle(height, width):
    pixels = np.zeros((height, width, 3), np.uint8)
    crop = images.random_crop(pixels, (0.9, 1.0), (0.75, 4 / 3), np.random.default_rng(0))
    short = min(height, width)
    assert min(crop.shape[:2]) == short
    assert max(crop.shape[:2]) == (1 if short == max(height, width) else round(short * 4 / 3))


def test_a_crop_draws_equally_much_whatever_the_shape():
    states = []
    for height, width in ((10, 1000), (300, 300)):
        rng = np.random.default_rng(3)
        images.random_crop(np.zeros((height, width, 3), np.uint8), (0.5, 1.0), (0.75, 4 / 3), rng)
        states.append(rng.random())
    assert states[0] == states[1]


def test_shrinking_by_a_whole_factor_is_the_mean_of_blocks():
    pixels = np.random.default_rng(0).integers(0, 255, (24, 36, 3), np.uint8)
    blocks = pixels.reshape(8, 3, 12, 3, 3).astype(float).mean((1, 3))
    assert np.abs(images.resize_antialiased(pixels, 8, 12) - blocks).max() <= 0.5


def test_growing_is_exact_on_a_ramp():
    ramp = np.repeat(np.arange(0, 200, 10, np.uint8)[None, :, None], 3, 2).repeat(6, 0)
    grown = images.resize_antialiased(ramp, 12, 40)
    expected = (np.arange(40) + 0.5) / 2 * 10 - 5  # pixel centres, 10 a pixel
    assert np.abs(grown[6, 6:-6, 0] - expected[6:-6]).max() <= 1


def test_normalise_is_the_formula():
    pixels = np.random.default_rng(0).integers(0, 255, (3, 4, 3), np.uint8)
    out = images.normalise(pixels, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    assert out.dtype == np.float32 and out.flags.c_contiguous
    for y in range(3):
        for x in range(4):
            for c in range(3):
                expected = (pixels[y, x, c] / 255 - (0.5, 0.4, 0.3)[c]) / (0.2, 0.3, 0.4)[c]
                assert abs(out[c, y, x] - expected) < 1e-6


@pytest.mark.parametrize("height,width", [(144, 195), (195, 144), (33, 34), (224, 224), (50, 301), (400, 225)])
def test_the_evaluation_picture_is_equal_to_open_clips(height, width):
    transform = pytest.importorskip("open_clip.transform").image_transform(
        32, is_train=False, mean=images.CLIP_MEAN, std=images.CLIP_STD
    )
    pixels = np.random.default_rng(height).integers(0, 255, (height, width, 3), np.uint8)
    ours = CentreView(32, "pillow_bicubic")(Record("a", pixels), None, None)[""]
    np.testing.assert_array_equal(ours, transform(Image.fromarray(pixels)).numpy())
    middle = CentreView(28, "pillow_bicubic", crop_pct=0.875)(Record("a", pixels), None, None)[""]
    np.testing.assert_array_equal(middle, ours[:, 2:-2, 2:-2])


@pytest.mark.parametrize(
    "kind, loss",
    [("JPEG", 3), ("PNG", 0), ("TIFF", 0), ("WEBP", 0), ("AVIF", 4), ("exif of a PNG", 0), ("APP1 of a PNG", 0)],
)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_in_every_format_with_exif(kind, loss, orientation):
    """Which pixel of the file stands at each place, written out."""
    pixels, exif = smooth(20, 30), Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    if kind == "AVIF":
        options = {"quality": 100}
    if kind.endswith("of a PNG"):  # as ImageMagick writes it
        body, info = exif.tobytes().hex(), PngInfo()
        info.add_text(f"Raw profile type {kind[:4]}", f"\nexif\n{len(body) // 2:8d}\n{body}\n", zip=True)
        data = encoded(pixels, "PNG", pnginfo=info)
    else:
        data = encoded(pixels, kind, exif=exif, **options)
    decoded = images.decode(data)
    rows, columns = np.meshgrid(range(20), range(30), indexing="ij")
    if orientation > 4:
        rows, columns = rows.T, columns.T
    if orientation in (3, 4, 6, 7):
        rows = 19 - rows
    if orientation in (2, 3, 7, 8):
        columns = 29 - columns
    assert decoded.shape == (*rows.shape, 3)
    assert np.abs(decoded.astype(int) - pixels[rows, columns]).mean() <= loss


def test_an_animated_png_is_turned():
    exif, frames = Image.Exif(), [Image.fromarray(smooth(20, 30, seed)) for seed in range(2)]
    exif[0x0112], file = 6, io.BytesIO()
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:], exif=exif)
    np.testing.assert_array_equal(images.decode(file.getvalue()), np.rot90(np.asarray(frames[0]), -1))


def test_a_png_that_has_its_orientation_in_both_ways_is_turned_once():
    exif, info, pixels = Image.Exif(), PngInfo(), smooth(20, 30)
    exif[0x0112] = 6
    body = exif.tobytes().hex()
    info.add_text("Raw profile type exif", f"\nexif\n{len(body) // 2:8d}\n{body}\n", zip=True)
    decoded = images.decode(encoded(pixels, "PNG", exif=exif, pnginfo=info))
    np.testing.assert_array_equal(decoded, np.rot90(pixels, -1))


def test_an_exif_that_cannot_be_read_turns_nothing():
    pixels = smooth(20, 30)
    data = encoded(pixels, "WEBP", lossless=True, exif=b"Exif\0\0no exif at all")
    np.testing.assert_array_equal(images.decode(data), pixels)


@pytest.mark.parametrize("kind", ["WEBP", "JPEG2000", "AVIF", "JPEG", "PNG", "GIF"])
@pytest.mark.parametrize("part", [0.4, 0.6, 0.9])
def test_a_file_whose_end_is_zeros_is_not_decoded(kind, part):
    """As a download into a file of the full size leaves it that did not come to its end."""
    data = encoded(np.random.default_rng(0).integers(0, 255, (60, 50, 3), np.uint8), kind)
    kept = int(part * len(data))
    with pytest.raises(images.Undecodable):
        images.decode(data[:kept] + bytes(len(data) - kept))


@pytest.mark.parametrize("kind", ["AVIF", "GIF", "WEBP", "TIFF", "PNG", "JPEG"])
def test_whatever_is_damaged_is_undecodable_and_no_other_error(kind):
    """Pillow raises SyntaxError for an AVIF that lacks its last byte, and RuntimeError for one with a wrong header."""
    rng = np.random.default_rng(0)
    data = encoded(rng.integers(0, 255, (20, 30, 3), np.uint8), kind)
    damaged = [data[:-lost] for lost in (1, 12, 40)]
    for _ in range(30):
        places = rng.integers(0, min(len(data), 400), 3)
        damaged.append(bytes(rng.integers(256) if place in places else byte for place, byte in enumerate(data)))
    kept = 0
    for each in damaged:
        with suppress(images.Undecodable):
            kept += images.decode(each).dtype == np.uint8
    assert kept < len(damaged)
    with pytest.raises(images.Undecodable) as error:
        images.decode(data[: len(data) // 3])
    assert " object at 0x" not in str(error.value)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("kind", ["TIFF", "PNG"])
def test_transparency_is_dropped_and_darkens_nothing(kind, mode):
    pixels = smooth(20, 30)
    alpha = Image.fromarray(np.full((20, 30), 77, np.uint8))
    bands = Image.fromarray(pixels).convert(mode[:-1])
    bands.putalpha(alpha)
    file = io.BytesIO()
    bands.save(file, kind)
    expected = np.asarray(Image.fromarray(pixels).convert(mode[:-1]).convert("RGB"))
    np.testing.assert_array_equal(images.decode(file.getvalue()), expected)


def test_some_zeros_at_the_end_are_no_lost_end():
    """Cameras pad their EXIF, which stands at the end of a WebP."""
    noise = np.random.default_rng(0).integers(0, 256, (60, 50, 3), np.uint8)
    padded = encoded(noise, "WEBP", lossless=True, exif=b"Exif\0\0" + Image.Exif().tobytes() + bytes(200))
    assert not any(padded[-64:])
    np.testing.assert_array_equal(images.decode(padded), noise)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 30}, {"restart_marker_blocks": 4}])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_that_was_cut_and_ended_is_not_decoded(mode, options):
    """Half of it would be grey, and nothing said."""
    data = encoded(np.random.default_rng(0).integers(0, 256, (60, 50, 3), np.uint8), "JPEG", mode, **options)
    assert images.decode(data).shape == images.decode(data + b"behind its end").shape == (60, 50, 3)
    for part in (0.3, 0.5):
        with pytest.raises(images.Undecodable, match="no whole image: "):
            images.decode(data[: int(part * len(data))] + b"\xff\xd9")


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_is_decoded_as_opencv_does(mode):
    for options in ({}, {"subsampling": 0}, {"progressive": True}, {"optimize": True, "quality": 30}):
        data = encoded(smooth(61, 53), "JPEG", mode, **options)
        expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        np.testing.assert_array_equal(images.decode(data), expected)


def test_a_black_picture_is_whole():
    for kind in ("BMP", "TIFF", "WEBP", "JPEG2000", "AVIF", "PPM"):
        assert images.decode(encoded(np.zeros((60, 50, 3), np.uint8), kind)).max() <= 3


@pytest.mark.parametrize("ending", sorted(PICTURES))
def test_every_ending_that_sources_read_can_be_decoded(ending):
    names = {"jpe": "jpg", "jfif": "jpg", "jif": "jpg", "mpo": "jpg", "apng": "png", "dib": "bmp", "pnm": "ppm"}
    pixels = smooth(12, 10)
    if ending in ("gif", "avif", "jp2"):
        data = encoded(pixels, {"gif": "GIF", "avif": "AVIF", "jp2": "JPEG2000"}[ending])
    elif ending in ("pgm", "pbm"):
        data = encoded(pixels, "PPM", "L" if ending == "pgm" else "1")
    else:
        data = cv2.imencode(f".{names.get(ending, ending)}", pixels)[1].tobytes()
    assert images.decode(data).shape == (12, 10, 3)


def test_pictures_are_normalised_by_the_numbers_of_the_weights():
    """All six of CLIP's, and ImageNet's for UniCL's, as open_clip and timm have them."""
    import open_clip
    import timm.data

    from tandemclip.core.interop.unicl import IMAGENET

    assert images.CLIP_MEAN == open_clip.OPENAI_DATASET_MEAN == timm.data.OPENAI_CLIP_MEAN
    assert images.CLIP_STD == open_clip.OPENAI_DATASET_STD == timm.data.OPENAI_CLIP_STD
    assert tuple(IMAGENET["mean"]) == timm.data.IMAGENET_DEFAULT_MEAN
    assert tuple(IMAGENET["std"]) == timm.data.IMAGENET_DEFAULT_STD
