"""A transformer's blocks as stages: four equal parts."""

from tandemclip.core.errors import UserError
from tandemclip.core.towers.encoding import Tower

PARTS = 4


def ends(layers: int) -> tuple[int, ...]:
    """How many blocks there are up to the end of each part; `layers` alone where they do not divide."""
    size = layers // PARTS
    return (layers,) if layers % PARTS else tuple(size * (i + 1) for i in range(PARTS))


def through(p, x, layers, stop=None, options=lambda block: {}):
    """[B, N, width] -> what each of the first `stop` parts gave: [B, N, width] each.

    options: what a block, by its number, takes beside x.
    """
    seen, last = [], (0, *ends(layers)[:stop])
    for i in range(last[-1]):
        x = p.child(f"blocks.{i}")(x, **options(i))
        if i + 1 in last:
            seen.append(x)
    return tuple(seen)


def part_of(name: str, layers: int) -> str | None:
    """The stage of "blocks.3.attention", "stages.1" of 8 layers; None of other names, and where there are no parts."""
    first, *rest = name.split(".")
    if first != "blocks" or layers % PARTS:
        return None
    return f"stages.{int(rest[0]) * PARTS // layers}"


def require_parts(layers: int) -> None:
    if layers % PARTS:
        raise UserError(
            f"stages are {PARTS} equal parts, and {layers} blocks do not divide; take a multiple of {PARTS}"
        )


class EqualParts(Tower):
    """A tower of blocks of one width, whose stages are equal parts of them."""

    width: int
    layers: int

    @property
    def feature_dim(self):
        return self.width

    @property
    def token_dim(self):
        return self.width

    @property
    def stage_dims(self):
        require_parts(self.layers)
        return (self.width,) * PARTS

    def part(self, name):
        return part_of(name, self.layers) or super().part(name)
