"""The one module that an mmdet configuration names; importing it registers everything of ours.

    custom_imports = dict(imports=["tandemclip.downstream.detection.register"])

The order matters: the stand-in for mmcv's compiled ops has to be there before anything imports `mmcv.ops`.
"""

from tandemclip.downstream.detection.ops.install import install_ops
from tandemclip.downstream.detection.ops.torchvision_kernels import hide_broken_torchvision

hide_broken_torchvision()
install_ops()

# Whatever registers itself in mmdet is imported from here on.
from tandemclip.downstream.detection import backbone, plain_checkpoints, randomness  # noqa: E402, F401
from tandemclip.downstream.detection.attributes import (  # noqa: E402
    attribute_head,  # noqa: F401
    metric,  # noqa: F401
    roi_head,  # noqa: F401
    transforms,  # noqa: F401
    visual_genome,  # noqa: F401
)
from tandemclip.downstream.detection.reading import read_plainly  # noqa: E402

read_plainly()
