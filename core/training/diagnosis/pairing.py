"""Do captions belong to their images? Asked of the data alone, without any model."""

import numpy as np

GRID = 4  # a thumbnail is GRID x GRID colours
PERMUTATIONS = 100
PAIRS = (
    512  # enough to tell photos with free captions: 10 standard deviations on Flickr8k, 5 with 256, nothing with 128
)


def relation(images: np.ndarray, ids: np.ndarray, rng: np.random.Generator) -> float:
    """How much more an image has to do with its caption than with other captions, in standard deviations; 0: not at
    all.

    images: [N, 3, H, W]; ids: int [N, L], token ids, 0 for padding. The Hilbert-Schmidt independence criterion between
    thumbnails (Gaussian kernel, median width) and the words of the captions (cosine, rare words weigh more), against
    captions drawn at random (Gretton et al. 2007, A Kernel Statistical Test of Independence). Each pair should stand
    there once.
    """
    colours, words = _centred(_gaussian(_thumbnails(images))), _centred(_word_cosine(ids))
    shuffled = (rng.permutation(len(ids)) for _ in range(PERMUTATIONS))
    guessed = np.array([np.sum(colours * words[np.ix_(order, order)]) for order in shuffled])
    spread = guessed.std()
    # where all images or all captions are equal no permutation changes anything but the rounding
    return float((np.sum(colours * words) - guessed.mean()) / spread) if spread > 1e-9 else 0.0


def _thumbnails(images):  # [N, C, H, W] -> [N, C GRID GRID]
    count, channels, height, width = images.shape
    rows, columns = height // GRID, width // GRID
    cut = images[:, :, : rows * GRID, : columns * GRID].reshape(count, channels, GRID, rows, GRID, columns)
    return cut.mean((3, 5), dtype=np.float64).reshape(count, -1)


def _gaussian(x):  # [N, D] -> [N, N]
    squares = np.sum(x * x, 1)
    distances = np.maximum(squares[:, None] + squares - 2 * x @ x.T, 0)
    return np.exp(-distances / max(np.median(distances), 1e-9))


def _word_cosine(ids):  # [N, L] -> [N, N]
    present = np.zeros((len(ids), int(ids.max()) + 1))
    present[np.arange(len(ids))[:, None], ids] = 1
    weighted = present * np.log(len(ids) / np.maximum(present.sum(0), 1))
    weighted /= np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-9)
    return weighted @ weighted.T


def _centred(kernel):
    return kernel - kernel.mean(0) - kernel.mean(1)[:, None] + kernel.mean()
