"""What image towers share whose last map goes through an attention pool."""

from tandemclip.core.layers.attention_pool import AttentionPool
from tandemclip.core.towers.tower import ImageTower

STRIDE = 32  # pixels between two places of the map in front of the pool


class PooledTower(ImageTower):
    """A child `pool` maps what the last stage gave to the embedding; most have no projection behind it."""

    stride = STRIDE

    @property
    def token_dim(self):
        return self.stage_dims[-1]

    @property
    def feature_dim(self):
        return self.embed_dim

    def read_features(self, ops, p, seen):
        return p.pool(seen.last)

    def read_embedding(self, ops, p, seen):
        return seen.features


def strided_pool(tower: PooledTower, heads: int, positions: bool) -> AttentionPool:
    """Of a tower whose strides are convolutions'. Raises ValueError where a map has no whole number of places."""
    if tower.resolution % STRIDE:
        raise ValueError(f"resolution {tower.resolution} is not a multiple of {STRIDE}, all strides together")
    return AttentionPool(tower.resolution // STRIDE, tower.token_dim, heads, tower.embed_dim, None, positions)
