"""Whether a tower's maps are as wide as what stands behind them expects."""

from mmengine.config import Config
from torch import nn

from tandemclip.core.errors import UserError
from tandemclip.downstream.detection.features import Features
from tandemclip.downstream.detection.own_towers import whole


def require_channels(model: nn.Module, config: Config) -> None:
    """Raises UserError for a tower that the neck, or without one the RPN, was not made for: torch says so only when
    the first picture passes.
    """
    backbone = whole(model).backbone
    if not isinstance(backbone, Features):
        return
    behind = "neck" if config.model.get("neck") else "rpn_head"
    asked = config.model[behind].get("in_channels")
    given = backbone.out_channels
    if asked not in (given, given[-1] if len(given) == 1 else None):
        raise UserError(
            f"the tower gives maps of {given} channels, and model.{behind}.in_channels is {asked}: set that to the "
            "tower's, or begin from the tower that the configuration was made for"
        )
