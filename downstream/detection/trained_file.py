"""What a training of a detector left: which file it is, and what it holds."""

from pathlib import Path

import torch

from tandemclip.core.errors import UserError
from tandemclip.downstream.detection.reading import load_from_local

NEWEST = "last_checkpoint"  # mmengine's file in a training's folder: the path of its newest checkpoint


def checkpoint_file(path: Path) -> Path:
    """A training's folder -> its newest checkpoint; a file as it is. Raises UserError for a folder without any."""
    if not path.is_dir():
        return path
    newest = path / NEWEST
    if not newest.exists():
        raise UserError(f"the folder {path} has no file {NEWEST}, which every training writes there")
    return path / Path(newest.read_text().strip()).name  # the folder may have moved


def content_of(path: Path) -> dict:
    """A checkpoint of mmengine: {"state_dict": weights by name, "meta": ...}. Raises UserError for any other file."""
    content = load_from_local(str(path), "cpu")
    if not isinstance(content, dict) or not isinstance(content.get("state_dict"), dict):
        raise UserError(
            f'{path} is no checkpoint of a detector: it has no "state_dict"; give the folder that '
            "`tandemclip detect train` wrote, or a .pth file in it"
        )
    return {"meta": {}, **content}


def require_weights(model: torch.nn.Module, weights: dict, path: Path) -> None:
    """Raises UserError where an array of the model is not there, or has another shape: mmengine would go on."""
    asked = model.state_dict()
    wrong = [name for name, value in asked.items() if name not in weights or weights[name].shape != value.shape]
    if wrong:
        raise UserError(
            f"{path} is no checkpoint of this model: {len(wrong)} of its {len(asked)} arrays are missing or of another "
            f"shape, the first is {wrong[0]}; give the configuration that it was trained with"
        )
