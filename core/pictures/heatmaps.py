"""Maps laid over their pictures: a row for each text (PyramidCLIP Fig. 5, LightCLIP Fig. 3)."""

from dataclasses import dataclass

import cv2
import numpy as np
from matplotlib.figure import Figure

from tandemclip.core.pictures.page import SMALL, bare, in_lines, page, plain

SIDE = 1.4  # of a picture, in inches
LETTERS = 24  # in a line of a row's name, which is as long as the row is high
SEEN = 0.55  # how much of the heat is laid over the picture


@dataclass(frozen=True, eq=False)
class Row:
    """pixels [K, R, R, 3] uint8. maps: [K, h, w] from 0 up, or None for the pictures alone. titles: of each picture."""

    name: str
    pixels: np.ndarray
    maps: np.ndarray | None
    titles: tuple[str, ...]


def heatmaps(rows: list[Row]) -> Figure:
    columns = max(len(row.pixels) for row in rows)
    figure = page(SIDE * columns + 0.2, (SIDE + 0.25) * len(rows))
    for row, line in zip(rows, figure.subplots(len(rows), columns, squeeze=False)):
        for axes in line:
            bare(axes)
        for place, (axes, pixels) in enumerate(zip(line, row.pixels)):
            bare(axes, row.titles[place])
            axes.imshow(pixels, interpolation="nearest")
            if row.maps is not None:
                heat = stretched(shown(row.maps[place]), pixels.shape[:2])
                axes.imshow(heat, cmap="jet", alpha=SEEN, vmin=0, vmax=1)
        line[0].text(
            -0.04,
            0.5,
            plain(in_lines(row.name, LETTERS)),
            fontsize=SMALL,
            rotation=90,
            ha="right",
            va="center",
            transform=line[0].transAxes,
        )
    return figure


def stretched(heat: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[h, w] -> [H, W]: between the middles of the cells, which cover the picture, it runs in straight lines."""
    return cv2.resize(heat.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR)


def shown(heat: np.ndarray) -> np.ndarray:
    """Its largest as 1; a map of zeros stays one."""
    return heat / heat.max() if heat.max() > 0 else heat
