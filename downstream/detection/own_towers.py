"""The definitions of a detector's towers in its own checkpoint, which outlives those that the towers began from."""

from functools import reduce

from mmengine.config import Config
from mmengine.model import is_model_wrapper
from torch import nn

from tandemclip.core.config.build import build
from tandemclip.core.towers.tower import ImageTower
from tandemclip.downstream.detection.tower_part import TowerPart

KEY = "towers"  # in the checkpoint's "meta": {the part's name in the model: its tower, as `image` in a configuration}


def definitions(model: nn.Module) -> dict[str, dict | str]:
    """What stands under KEY: of a TandemBackbone, and of a TandemSharedHead."""
    return {name: part.definition for name, part in whole(model).named_modules() if isinstance(part, TowerPart)}


def whole(model: nn.Module) -> nn.Module:
    """The model itself, without what shares its gradients with other ranks."""
    return model.module if is_model_wrapper(model) else model


def begin_from_nothing(config: Config, meta: dict, source) -> None:
    """Parts of the model that name a pre-trained checkpoint get their towers' definitions from a detector's `meta`.

    For a model that is about to get all weights from that detector's checkpoint, `source`. A checkpoint without
    definitions changes nothing. Raises UserError for a tower of classes from elsewhere.
    """
    for name, tower in meta.get(KEY, {}).items():
        part = reduce(lambda within, key: within.get(key, {}), name.split("."), config.model)
        if part.get("checkpoint"):
            build(ImageTower, tower, f"{KEY}.{name} of {source}", trust=False, stored=True)
            part.update(tower=tower, checkpoint=None)
