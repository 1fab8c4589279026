"""How often the concepts of data sets appear, by their rank (UniCL, Fig. 8): few are frequent, and most are rare."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from tandemclip.core.concepts.pool import Pool
from tandemclip.core.pictures.page import INK, SMALL, legend, page, plain

# Ranks whose concept is named, of the data set that has most.
NAMED = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 100_000, 1_000_000)


def long_tail(pools: Sequence[Pool]) -> Figure:
    """A line for each data set; both axes are logarithmic."""
    figure = page(10, 6)
    axes = figure.add_subplot()
    counts = [list(pool.concepts.values()) for pool in pools]
    lines = [axes.plot(range(1, len(each) + 1), each, linewidth=1.5)[0] for each in counts]
    axes.set(xlabel="rank of the concept", ylabel="times it appears")
    most = max((list(pool.concepts.items()) for pool in pools), key=len)
    if most:  # matplotlib has no logarithmic axis of nothing
        axes.set(xscale="log", yscale="log")
    _name(axes, most)
    axes.grid(alpha=0.3)
    legend(axes, lines, [f"{pool.name} ({len(each):,} concepts)" for pool, each in zip(pools, counts)])
    return figure


def _name(axes, concepts: list[tuple[str, int]]) -> None:
    for rank in NAMED:
        if rank <= len(concepts):
            name, count = concepts[rank - 1]
            axes.plot([rank], [count], "o", color=INK, markersize=3)
            axes.annotate(plain(name), (rank, count), textcoords="offset points", xytext=(5, 5), fontsize=SMALL)
