"""Some stages of a tower as an nn.Module that is fine-tuned: what is frozen, and which norms stand still."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from tandemclip.backends.torch.module import Model
from tandemclip.core.layers.norm import BatchNorm
from tandemclip.core.spec import Draws, Spec
from tandemclip.downstream.detection.stage_range import StageRange
from tandemclip.downstream.detection.start import Drawn, Trained


class TowerPart(nn.Module):
    """part: the stages. source: where their tower and its weights come from. frozen: a first part of the stages that
    never trains, or None.

    norm_eval: BatchNorms use and keep the statistics that they came with. Those of a frozen part do so anyway.
    Random numbers (drop path) are drawn from torch's generator on the host; the hook `KeyedRandomness` makes it a
    function of the seed, the iteration and the rank.
    """

    def __init__(self, part: StageRange, source: Drawn | Trained, frozen: StageRange | None, norm_eval: bool):
        super().__init__()
        self.definition = source.definition  # of the whole tower, as `image` in a configuration
        self.tower = Model(part, source.weights(part))
        self.still = set(_still(part, frozen, norm_eval))
        self.draws = sum(node.draws for _, node in _nodes(part))
        if frozen is not None:
            for name, _ in frozen.all_parameters():
                self.tower.arrays[name].requires_grad_(False)

    def run(self, x: Tensor) -> tuple[Tensor, ...]:
        """What the part's spec is given -> the map [B, C, h, w] of each of its stages."""
        training = self.training and len(x) > 0  # without a sample (no RoI was found) there are no statistics
        draws = Draws(torch.rand(len(x), self.draws).to(x)) if training and self.draws else None
        scope = self.tower.scope(self.trains if training else False, draws=draws)
        maps = scope(x)
        self.tower.store(scope.run.updates)
        return maps

    def trains(self, path: str) -> bool:
        """Whether the node of this name does in training what a node in training does."""
        return path not in self.still


def _still(part: StageRange, frozen: StageRange | None, norm_eval: bool) -> Iterator[str]:
    """The names of nodes that run as at inference."""
    if norm_eval:
        yield from (path for path, node in _nodes(part) if isinstance(node, BatchNorm))
    if frozen is not None:
        yield from (path for path, _ in _nodes(frozen))


def _nodes(spec: Spec, prefix: str = "") -> Iterator[tuple[str, Spec]]:
    """(dotted name, spec) of everything below."""
    for name, child in spec.nodes.items():
        yield prefix + name, child
        yield from _nodes(child, f"{prefix}{name}.")
