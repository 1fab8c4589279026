"""Classes named by where they can be imported from, so that one's own need no registration."""

import importlib

from tandemclip.core.config.moved import current
from tandemclip.core.errors import UserError


def import_class(name: str, where: str):
    """ "package.module:Class" -> the class; UserError saying that `where` names something that cannot be imported."""
    module, _, attribute = current(name).partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, TypeError, ValueError) as error:  # the last two: of ".a:b", of ":b"
        raise UserError(f"{where} {name!r} cannot be imported: {error}; expected package.module:Class") from error
