"""PGM, PPM, PAM and PFM, of which OpenCV reads some as another picture."""

import cv2
import numpy as np
import pytest

from tandemclip.core.data import images


def netpbm(kind, samples, white):
    """[H, W, 1] or [H, W, 3] as one of the kinds of netpbm, or as a PAM that says no kind, "", or one of its own."""
    height, width, depth = samples.shape
    if kind in ("P2", "P3"):
        body = " ".join(map(str, [*samples.ravel(), ""])).encode()
    else:
        body = samples.astype(">u2" if white > 255 else np.uint8).tobytes()
    if kind.startswith("P"):
        return f"{kind} # made by hand\n{width} {height}\n{white}\n".encode() + body
    says = f"TUPLTYPE {kind}\n" if kind else ""
    return (
        f"P7\n# by hand\nWIDTH {width}\nHEIGHT {height}\nDEPTH {depth}\nMAXVAL {white}\n{says}ENDHDR\n".encode() + body
    )


PAM = ["RGB", "RGB_ALPHA", "GRAYSCALE", "GRAYSCALE_ALPHA", "BLACKANDWHITE", "BLACKANDWHITE_ALPHA"]


@pytest.mark.parametrize("white", [1, 15, 100, 254, 255, 256, 1023, 4095, 65534, 65535])
@pytest.mark.parametrize("kind", ["P2", "P3", "P5", "P6", *PAM])
def test_the_highest_sample_of_netpbm_is_white(kind, white):
    colours = 3 if kind in ("P3", "P6") or kind.startswith("RGB") else 1
    shares = np.random.default_rng(0).random((6, 5, colours + kind.endswith("ALPHA")))
    shares[0] = np.arange(5)[:, None] / 4
    samples = np.rint(shares * white).astype(int)
    decoded = images.decode(netpbm(kind, samples, white))
    assert decoded.shape == (6, 5, 3) and decoded.dtype == np.uint8
    expected = np.broadcast_to(samples[..., :colours] / white * 255, decoded.shape)
    assert np.abs(decoded - expected).max() <= 1 and decoded[0, 4].tolist() == [255] * 3


def test_deep_samples_of_netpbm_keep_the_high_byte():
    deep = np.random.default_rng(0).integers(0, 1 << 16, (9, 11, 3))
    for kind in ("P6", "RGB"):
        np.testing.assert_array_equal(images.decode(netpbm(kind, deep, 65535)), deep >> 8)
        np.testing.assert_array_equal(images.decode(netpbm(kind, deep >> 4, 4095)), deep >> 8)


def test_a_pam_of_opencv_names_no_kind_and_is_as_it_was_written():
    pixels = np.random.default_rng(0).integers(0, 256, (12, 10, 3), np.uint8)
    np.testing.assert_array_equal(images.decode(cv2.imencode(".pam", pixels[..., ::-1])[1].tobytes()), pixels)
    np.testing.assert_array_equal(images.decode(netpbm("", pixels[..., :1], 255)), pixels[..., [0, 0, 0]])


@pytest.mark.parametrize("data, words", [
    (netpbm("CMYK", np.zeros((2, 2, 4), int), 255), "a PAM of neither grey nor RGB: TUPLTYPE CMYK"),
    (netpbm("RGB", np.zeros((2, 2, 3), int), 255)[:-1], "the header of a PAM is damaged, or what follows it is cut"),
    (netpbm("RGB", np.zeros((0, 2, 3), int), 255), "the header of a PAM is damaged"),
    (netpbm("RGB", np.zeros((2, 2, 5), int), 255), "the header of a PAM is damaged"),
    (netpbm("RGB", np.zeros((2, 2, 3), int), 65536), "the header of a PAM is damaged"),
    (b"P7 332\n4 4 255\n" + bytes(16), "the header of a PAM is damaged"),
    (b"P7\nWIDTH\nENDHDR\n", "the header of a PAM is damaged"),
    (b"P7\nWIDTH 99999999\nHEIGHT 99999999\nDEPTH 3\nMAXVAL 255\nENDHDR\n", "the header of a PAM is damaged"),
    (cv2.imencode(".pfm", np.ones((2, 2, 3), np.float32))[1].tobytes(), "a PFM holds floats, and nobody says which"),
])  # fmt: skip
def test_netpbm_that_cannot_be_read_rightly_is_undecodable(data, words):
    with pytest.raises(images.Undecodable, match=words):
        images.decode(data)
