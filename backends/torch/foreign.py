"""Reading what other torch code wrote: the one place that opens a pickle, and only by torch's restricted reader."""

import pickle

import numpy as np
import torch

from tandemclip.core.errors import UserError

NAMES = ("state_dict", "model")  # open_clip's; UniCL's and Swin's


def read(path) -> dict[str, np.ndarray]:
    """The arrays of a state dict, or of a training checkpoint's "state_dict" or "model"; half precisions become
    float32.

    Raises UserError for a file that is no such thing, or that holds objects of classes (weights_only).
    """
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); give a .safetensors or a torch file") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"{path} is no plain state dict ({reason}); expected tensors by name and no code: load it with the program "
            "that wrote it, and save model.state_dict() with torch.save or safetensors"
        ) from error
    state = next((loaded[name] for name in NAMES if name in loaded), loaded) if isinstance(loaded, dict) else loaded
    if not isinstance(state, dict) or not state or not all(isinstance(t, torch.Tensor) for t in state.values()):
        raise UserError(f"{path} holds a {type(loaded).__name__} without tensors by name; give it a state dict")
    if all(name.startswith("module.") for name in state):  # a data-parallel wrapper's
        state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    return {name: (t.float() if t.is_floating_point() else t).numpy() for name, t in state.items()}
