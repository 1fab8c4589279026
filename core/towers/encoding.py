"""One pass through a tower, and all that is read from it."""

from dataclasses import dataclass
from functools import cached_property

from tandemclip.core.ops import Array, Ops
from tandemclip.core.spec import Scope, Spec


@dataclass(frozen=True)
class Encoding:
    """A tower's pass over one batch. A reading is computed when it is first asked for, and once: what is not asked for
    costs nothing, and two readings do not pass the tower twice.

    inputs: what the tower was given. trunk: what each of its stages gave, in the tower's own layout.
    """

    tower: "Tower"
    ops: Ops
    p: Scope  # the tower's
    inputs: tuple[Array | None, ...]
    trunk: tuple[Array, ...]

    @cached_property
    def embedding(self) -> Array:  # [B, embed_dim]
        return self.tower.read_embedding(self.ops, self.p, self)

    @cached_property
    def features(self) -> Array:  # [B, feature_dim]
        return self.tower.read_features(self.ops, self.p, self)

    @cached_property
    def tokens(self) -> tuple[Array, Array | None]:  # [B, N, token_dim]; [B, N], or None where all are there
        return self.tower.read_tokens(self.ops, self.p, self)

    @cached_property
    def stages(self) -> tuple[Array, ...]:  # image: [B, C, h, w] each; text: [B, L, D] each; the sizes are stage_dims
        return self.tower.read_stages(self.ops, self.p, self)

    @cached_property
    def last(self) -> Array:  # in the tower's own layout: what its pooling is given
        return self.tower.read_last(self.ops, self.p, self)


class Tower(Spec):
    """What towers for images and texts share. A method asks for one reading by its name, `p.image.tokens(images)`, and
    for several by `seen = p.image.encode(images)`, then `seen.embedding`, `seen.tokens`.

    A tower writes `trunk`, a node whose outputs all engines are compared in, and those of the `read_` functions in
    which it differs. They get the Encoding, and take from it what another reading has computed.
    stem_names: its children and parameters in front of the first stage.
    """

    stem_names: tuple[str, ...] = ()

    embed_dim: int
    feature_dim: int  # of `features`, which stand in front of the projection
    token_dim: int  # of `tokens`
    stage_dims: tuple[int, ...]  # of `stages`

    def part(self, name: str) -> str:
        """What a parameter or a node is counted with: "stem", "stages.I", or its own first name ("projection").

        name: within the tower. A stage is counted with what leads to it from the one before.
        """
        first, *rest = name.split(".")
        if first in self.stem_names:
            return "stem"
        return f"{first}.{rest[0]}" if first == "stages" and rest else first

    @cached_property
    def _blocks(self) -> tuple[str, ...]:
        """The names of its blocks, as they follow each other."""
        return tuple(name for name in self.nodes if name.split(".")[0] in ("blocks", "stages"))

    def layer(self, name: str) -> int:
        """Which layer a parameter counts to: 0 for the stem, 1 to n for the blocks, n + 1 for all that stands behind
        them: last norm, pool, projection.

        name: within the tower. As BEiT counts (Bao et al. 2021), and MAE and SimMIM after it; the blocks of all stages
        are counted through.
        """
        blocks = self._blocks
        inside = [number for number, block in enumerate(blocks, 1) if name.startswith(f"{block}.")]
        return inside[0] if inside else 0 if self.part(name) == "stem" else len(blocks) + 1

    def encode(self, ops: Ops, p: Scope, *inputs) -> Encoding:
        return Encoding(self, ops, p, inputs, p.trunk(*inputs))

    def forward(self, ops, p, *inputs):  # -> [B, embed_dim]
        return self.encode(ops, p, *inputs).embedding

    def features(self, ops, p, *inputs):  # -> [B, feature_dim]
        return self.encode(ops, p, *inputs).features

    def tokens(self, ops, p, *inputs):  # -> [B, N, token_dim], [B, N] or None
        return self.encode(ops, p, *inputs).tokens

    def stages(self, ops, p, *inputs):  # -> a tuple of maps or sequences, stage_dims wide
        return self.encode(ops, p, *inputs).stages

    def read_embedding(self, ops, p, seen):
        return p.projection(seen.features)

    def read_stages(self, ops, p, seen):
        return seen.trunk

    def read_last(self, ops, p, seen):
        return seen.trunk[-1]
