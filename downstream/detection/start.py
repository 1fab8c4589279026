"""Where a tower and its weights come from: a checkpoint that either engine wrote, or a definition and torch's seed."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tandemclip.core.config.build import build
from tandemclip.core.errors import UserError
from tandemclip.core.methods.method import Method
from tandemclip.core.spec import Spec, initial_weights
from tandemclip.core.towers.tower import ImageTower
from tandemclip.core.training import checkpoint as checkpoints
from tandemclip.core.training.init import matching

IMAGE = "image."  # what the names of the image tower begin with in a checkpoint
BYTE = 255.0


@dataclass(frozen=True)
class Drawn:
    """Weights as a new run has them, by the seed that torch was given (mmengine's `randomness.seed`).

    tower: what `definition` is built to.
    """

    tower: ImageTower
    definition: dict | str

    def weights(self, part: Spec) -> dict[str, np.ndarray]:
        return initial_weights(part, torch.initial_seed())

    def lines(self, part: Spec) -> list[str]:
        return [f"{type(self.tower).__name__}: {len(part.declared())} arrays are drawn, none is trained"]


@dataclass(frozen=True)
class Trained:
    """saved: the checkpoint. method: what it was trained by, whose image tower this is."""

    saved: checkpoints.Checkpoint
    method: Method

    @property
    def tower(self) -> ImageTower:
        return self.method.image

    @property
    def definition(self) -> dict | str:
        return self.saved.state["config"]["method"]["image"]

    def weights(self, part: Spec) -> dict[str, np.ndarray]:
        """The averages where the run keeps some. Raises UserError where one is missing or has another shape."""
        wanted, stored = part.declared(), self.saved.averaged
        own = {name: stored[IMAGE + name] for name in wanted if IMAGE + name in stored}
        if not own:
            raise UserError(
                f"{self.saved.folder} has none of the {len(wanted)} arrays that are asked for, {IMAGE}{min(wanted)} "
                "for one; give a checkpoint with an image tower"
            )
        return matching(own, part, self.saved.folder)

    def lines(self, part: Spec) -> list[str]:
        taken = {IMAGE + name for name in part.declared()}
        left = Counter(self._part(name) for name in self.saved.model if name not in taken)
        averages, view = self.saved.averaged, self.method.inference_view()
        averaged = sum(averages[name] is not self.saved.model[name] for name in taken)
        bytes_ = lambda values: [round(BYTE * value, 3) for value in values]
        return [
            f"{type(self.tower).__name__} from {self.saved.folder}: all {len(taken)} arrays that it needs are loaded, "
            f"{averaged} of them averages over training",
            f"left out: {', '.join(f'{name} ({count})' for name, count in sorted(left.items())) or 'nothing'}",
            f"it was trained on RGB pictures normalised by mean={bytes_(view.mean)}, std={bytes_(view.std)}",
        ]

    def _part(self, name: str) -> str:
        """What a name is counted with: "text", "auxiliary", "image.pool", "image.stages.3"."""
        within = name.removeprefix(IMAGE)
        return name.split(".")[0] if within == name else IMAGE + self.tower.part(within)


def start(checkpoint: str | Path | None, tower: dict | str | None) -> Drawn | Trained:
    """checkpoint: its folder, or a run's. tower: as `image` in a configuration. One of both is given.

    Raises UserError, for a checkpoint of classes from elsewhere too: to import them would run their code.
    """
    if (checkpoint is None) == (tower is None):
        given = "neither" if checkpoint is None else "both"
        raise UserError(
            f"{given} of checkpoint and tower {'is' if given == 'neither' else 'are'} given; give checkpoint=RUN for "
            "trained weights, or tower=dict(type=...) for random ones"
        )
    if checkpoint is None:
        return Drawn(build(ImageTower, tower, "tower"), tower)
    if Path(checkpoint).is_file():
        raise UserError(
            f"{checkpoint} is a file, and a tower begins from the folder of a run or of a checkpoint, as "
            "`tandemclip train` writes them; `tandemclip convert` makes one of what others trained"
        )
    saved = checkpoints.load(checkpoints.resolve(Path(checkpoint)))
    return Trained(saved, build(Method, saved.state["config"]["method"], "method", trust=False, stored=True))
