"""As many labelled pictures as pictures with texts (UniCL, appendix B.2)."""

from dataclasses import dataclass

from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.sources.together import Together
from tandemclip.core.errors import UserError


@dataclass(frozen=True)
class Balanced(Together):
    """The first source leads: an epoch has each of its records once, and as many of the second, which goes on where the
    epoch before left it. They take turns, so that every batch, and every rank's part of it, is half and half.

    Every block of len(first) draws from the first that begins at a multiple of it is a permutation; so it is with the
    second.
    """

    sources: tuple[Source, Source]

    def __post_init__(self):
        if len(self.sources) != 2:
            raise UserError(
                f"balanced: {len(self.sources)} sources, expected two; put several of a kind in one `together`"
            )

    @property
    def epoch(self) -> int:
        return 2 * len(self.sources[0])

    @property
    def distinct(self) -> int:
        return 2 * min(len(source) for source in self.sources)

    def order(self, position: int, seed: int, stream: str = "order") -> int:
        place, which = divmod(position, 2)
        return self.at(which, place, seed, stream)
