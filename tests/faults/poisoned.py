"""What no update may be made from. Named in a configuration by the import path."""

from dataclasses import dataclass, replace

import numpy as np

from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.methods.clip import CLIP


@dataclass(frozen=True)
class Poisoned(Scenes):
    """Scenes of which one has NaN for pixels, and some cannot be read."""

    nan: int = -1
    broken: tuple[int, ...] = ()

    def __getitem__(self, index):
        record = super().__getitem__(index)
        if index in self.broken:
            raise BrokenRecord(record.key, "torn")
        if index == self.nan:
            return replace(record, image=np.full(record.image.shape, np.nan, np.float32))
        return record


@dataclass(frozen=True)
class Cusp(CLIP):
    """CLIP plus 0, by a formula without a derivative there: a finite loss with gradients that are not."""

    def loss(self, ops, p, features, progress):
        terms = super().loss(ops, p, features, progress)
        u = features.shared["u"]
        nothing = ops.sqrt(ops.sum(ops.sum(u - u, 1), 0))
        return {**terms, "loss": terms["loss"] + nothing}
