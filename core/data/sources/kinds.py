"""What a file is by its name: the kinds that sources read."""

# All endings of formats that `images.decode` knows, in small letters.
PICTURES = frozenset(
    ("jpg", "jpeg", "jpe", "jfif", "jif", "mpo", "png", "apng", "webp", "gif", "avif", "bmp", "dib", "tif", "tiff")
    + ("jp2", "ppm", "pgm", "pbm", "pnm", "pam", "ras", "sr")
)
ROIS = "rois.npy"


def is_picture(name: str) -> bool:
    """By its ending, in small or capital letters."""
    return ending(name) in PICTURES


def ending(name: str) -> str:
    """What follows the last dot, in small letters; "" where there is no dot."""
    return name.rpartition(".")[2].lower() if "." in name else ""
