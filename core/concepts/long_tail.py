"""How often the concepts of data sets appear, by their rank (UniCL, Fig. 8): few are frequent, and most are rare."""

import io
from collections.abc import Sequence

from matplotlib.figure import Figure

from tandemclip.core.concepts.pool import Pool

NAMED = (
    1,
    3,
    10,
    30,
    100,
    300,
    1_000,
    3_000,
    10_000,
    100_000,
)  # ranks whose concept is named, of the data set that has most


def picture(pools: Sequence[Pool]) -> bytes:
    """PNG, 1000 x 600; both axes are logarithmic."""
    figure = Figure(figsize=(10, 6), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for pool in pools:
        counts = list(pool.concepts.values())
        axes.plot(range(1, len(counts) + 1), counts, linewidth=1.5, label=f"{pool.name} ({len(counts):,} concepts)")
    axes.set(xlabel="rank of the concept", ylabel="times it appears")
    most = max((list(pool.concepts.items()) for pool in pools), key=len)
    if most:  # matplotlib has no logarithmic axis of nothing
        axes.set(xscale="log", yscale="log")
    _name(axes, most)
    axes.grid(alpha=0.3)
    axes.legend()
    with io.BytesIO() as file:
        figure.savefig(file, format="png", metadata={"Software": None})  # the same bytes with every version
        return file.getvalue()


def _name(axes, concepts: list[tuple[str, int]]) -> None:
    for rank in NAMED:
        if rank <= len(concepts):
            name, count = concepts[rank - 1]
            axes.plot([rank], [count], "o", color="black", markersize=3)
            axes.annotate(
                name.replace("$", r"\$"), (rank, count), textcoords="offset points", xytext=(5, 5), fontsize=9
            )
