"""Reading what other torch code wrote: its arrays by name."""

import numpy as np
import torch

from tandemclip.backends.torch.pickles import load
from tandemclip.core.errors import UserError

NAMES = ("state_dict", "model")  # open_clip's; UniCL's and Swin's


def read(path) -> dict[str, np.ndarray]:
    """The arrays of a state dict, or of a training checkpoint's "state_dict" or "model"; half precisions become
    float32.

    Raises UserError for a file that is no such thing, or that holds anything but tensors and plain values.
    """
    loaded = load(path)
    state = next((loaded[name] for name in NAMES if name in loaded), loaded) if isinstance(loaded, dict) else loaded
    if not isinstance(state, dict) or not state or not all(isinstance(t, torch.Tensor) for t in state.values()):
        raise UserError(f"{path} holds a {type(loaded).__name__} without tensors by name; give it a state dict")
    if all(name.startswith("module.") for name in state):  # a data-parallel wrapper's
        state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    return {name: (t.float() if t.is_floating_point() else t).numpy() for name, t in state.items()}
