"""A stand-in for `mmcv._ext`, the compiled part of mmcv, which mmcv-lite lacks.

The Python part of `mmcv.ops` comes with mmcv-lite, and all of mmdet imports unmodified once this module is there.
"""

import importlib.util
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType

from tandemclip.core.console.versions import how_to_install
from tandemclip.core.errors import UserError
from tandemclip.downstream.detection.ops.nms import nms
from tandemclip.downstream.detection.ops.roi_align import roi_align_backward, roi_align_forward

NAME = "mmcv._ext"
PROVIDED = (nms, roi_align_forward, roi_align_backward)


def install_ops() -> None:
    """Put the stand-in where `mmcv.ops` looks for its compiled functions; call it before `mmcv.ops` is imported.

    Does nothing where mmcv has its compiled part, or where the stand-in is there already.
    Raises UserError where mmcv is not installed.
    """
    try:
        if importlib.util.find_spec(NAME):
            return
        import mmcv
    except ModuleNotFoundError as error:
        raise UserError(
            f"detection needs the package {error.name}, which is not installed: {how_to_install('detection')}"
        ) from error
    mmcv._ext = sys.modules[NAME] = _stand_in()


def _stand_in() -> ModuleType:
    module = ModuleType(NAME, "Written by tandemclip in plain torch; see tandemclip.downstream.detection.ops.install.")
    module.__spec__ = ModuleSpec(NAME, loader=None)  # without one, find_spec raises ValueError
    for function in PROVIDED:
        setattr(module, function.__name__, function)
    module.__getattr__ = _missing
    return module


def _missing(name: str) -> Callable:
    """`mmcv.ops` asks for about 110 functions when it is imported. Only a call of one that is not here is an error."""
    if name.startswith("__"):
        raise AttributeError(name)

    def refuse(*args, **kwargs):
        provided = ", ".join(function.__name__ for function in PROVIDED)
        raise UserError(
            f"mmcv's compiled op {name} was called, and mmcv-lite has none (in plain torch there are {provided}): "
            "install mmcv==2.1.0 with its ops in place of mmcv-lite, or choose a model without this op"
        )

    return refuse
