"""The one place that opens what torch.save wrote: a pickle, read by torch's restricted reader alone."""

import argparse
import pickle
import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from tandemclip.core.errors import UserError

# What torch's reader raises of bytes that are no pickle, or a damaged one.
DAMAGED = (
    AssertionError, AttributeError, EOFError, LookupError, OverflowError, RuntimeError, TypeError, ValueError,
    struct.error,
)  # fmt: skip


def load(path, map_location="cpu"):
    """The content of a file of torch.save: tensors, plain values, and containers of them.

    A Namespace is one of them: the command line of a training, which SLIP's released files hold beside the weights.
    Raises UserError where the file cannot be read, or holds anything else; nothing of it is run then.
    """
    allowed = torch.serialization.safe_globals([argparse.Namespace])
    with refused_by_name(path), allowed, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*TorchScript archive")  # it is refused, in words of ours
        return torch.load(path, map_location=map_location, weights_only=True)


@contextmanager
def refused_by_name(source) -> Iterator[None]:
    """What torch says of a file that it does not read, in one sentence with the `source`'s name: a UserError."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{source} cannot be read ({error.strerror or error}); give one that is there and whole"
        ) from error
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))  # a function or class that the pickle would call
        what = f"it holds {named[1]}" if named else "it is torn, or another pickle than torch.save's"
        raise UserError(
            f"{source} is refused, and nothing of it was run: {what}, and such a pickle can run code; expected tensors "
            "and plain values: let the program that wrote it save model.state_dict() by torch.save"
        ) from error
    except DAMAGED as error:
        if "TorchScript" in str(error):
            raise UserError(
                f"{source} is a TorchScript archive, as OpenAI publishes its models: a program, of which nothing was "
                "run; where you trust it, take its arrays out by "
                f"torch.save(torch.jit.load({str(source)!r}, 'cpu').state_dict(), 'arrays.pt')"
            ) from error
        reason = str(error).strip().splitlines() or [""]
        raise UserError(
            f"{source} is no whole file of torch.save ({type(error).__name__}: {reason[0]}); copy it again, or save it "
            "again by the program that wrote it"
        ) from error
