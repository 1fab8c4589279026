"""Reading what other torch code wrote: its arrays by name."""

import numpy as np
import torch

from tandemclip.backends.torch.pickles import load
from tandemclip.core.errors import UserError

NAMES = ("state_dict", "model")  # open_clip's; UniCL's and Swin's


def read(path) -> dict[str, np.ndarray]:
    """The arrays of a state dict, or of a training checkpoint's "state_dict" or "model"; half precisions become
    float32, and plain numbers beside the tensors arrays.

    Raises UserError for a file that is no such thing, or that holds anything but tensors and plain values.
    """
    loaded = load(path)
    state = next((loaded[name] for name in NAMES if name in loaded), loaded) if isinstance(loaded, dict) else loaded
    kinds = (torch.Tensor, int, float)
    tensors = isinstance(state, dict) and any(isinstance(t, torch.Tensor) for t in state.values())
    if not tensors or not all(isinstance(t, kinds) for t in state.values()):
        raise UserError(f"{path} holds a {type(loaded).__name__} without tensors by name; give it a state dict")
    state = {name: torch.as_tensor(t) for name, t in state.items()}
    return {name: (t.float() if t.is_floating_point() else t).numpy() for name, t in state.items()}
