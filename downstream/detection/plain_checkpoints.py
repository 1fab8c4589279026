"""Checkpoints that hold tensors and plain values only, so that nothing has to be unpickled to read them."""

from collections import Counter, OrderedDict

import numpy as np
import torch
from mmdet.registry import HOOKS
from mmengine.hooks import Hook

from tandemclip.core.errors import UserError
from tandemclip.downstream.detection import own_towers

# What torch.load(weights_only=True) reads, by exact type: a pickled subclass names its class.
VALUES = (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device)
CONTAINERS = (dict, OrderedDict, Counter, list, tuple, set)


@HOOKS.register_module()
class PlainCheckpoints(Hook):
    """Makes a checkpoint plain just before it is written, and adds what its towers are; stock mmengine reads it and
    resumes from it.

    What is lost is the log's memory of past losses, which smooths the figures printed after a resume.
    """

    priority = "LOWEST"  # after every hook that adds something

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Replaces the entries of `checkpoint`. Raises UserError for a value that cannot be made plain."""
        hub = checkpoint["message_hub"]
        known = hub["runtime_info"]
        checkpoint["message_hub"] = {  # all three keys are asked for on a resume
            "log_scalars": {},  # pickled objects of mmengine, with their methods
            "runtime_info": known,
            "resumed_keys": {key: value for key, value in hub["resumed_keys"].items() if key in known},
        }
        checkpoint["meta"][own_towers.KEY] = own_towers.definitions(runner.model)
        for key, value in checkpoint.items():
            checkpoint[key] = plain(value, key)


def plain(value, name: str):
    """The same value out of tensors, numbers, words and containers; numpy's numbers and arrays become Python's.

    Raises UserError for anything else, by its `name` in the checkpoint.
    """
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if isinstance(value, torch.Tensor) or type(value) in VALUES:
        return value
    base = next((kind for kind in (type(value), *CONTAINERS) if kind in CONTAINERS and isinstance(value, kind)), None)
    if base is None:
        raise UserError(
            f"the checkpoint cannot be written, because {name} in it is a {type(value).__module__}."
            f"{type(value).__qualname__}, which only a pickle can hold; put numbers, words, lists, dicts or tensors"
        )
    if not issubclass(base, dict):
        return base(plain(item, f"{name}[{place}]") for place, item in enumerate(value))
    made = base({plain(key, f"a key of {name}"): plain(item, f"{name}.{key}") for key, item in value.items()})
    if base is OrderedDict:  # a state dict has the versions of its modules as an attribute
        vars(made).update(plain(vars(value), f"the attributes of {name}"))
    return made
