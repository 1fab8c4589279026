"""How mmengine reads a checkpoint, here: never by unpickling, because a pickle can run code when it is read."""

import os

import torch
from mmengine.runner import CheckpointLoader, checkpoint

from tandemclip.backends.torch import pickles


def load_from_local(filename: str, map_location=None) -> dict:
    """The content of a file of tensors and plain values. Raises UserError for any other, of which nothing is run."""
    return pickles.load(os.path.expanduser(filename), map_location)


def load_url(url: str, *args, **kwargs) -> dict:
    """The same for an address: downloaded once, then read as a file is.

    Takes the arguments of `torch.hub.load_state_dict_from_url`.
    """
    with pickles.refused_by_name(url):
        return torch.hub.load_state_dict_from_url(url, *args, **{**kwargs, "weights_only": True})


def read_plainly() -> None:
    """Make mmengine read all checkpoints by these two functions: those of resume, load_from and Pretrained's.

    Its own leave the choice to torch's defaults, and torch's default for an address is to unpickle.
    """
    CheckpointLoader.register_scheme(prefixes="", loader=load_from_local, force=True)
    checkpoint.load_url = load_url
