"""The one module that an mmdet configuration names; importing it registers everything of ours.

    custom_imports = dict(imports=["tandemclip.downstream.detection.register"])

The order matters: the stand-in for mmcv's compiled ops has to be there before anything imports `mmcv.ops`.
"""

from tandemclip.downstream.detection.ops.install import install_ops
from tandemclip.downstream.detection.ops.torchvision_kernels import hide_broken_torchvision

hide_broken_torchvision()
install_ops()

# Whatever registers itself in mmdet is imported from here on.
from tandemclip.downstream.detection import (  # noqa: E402, F401
    backbone,
    figures,
    finite,
    keyed_loop,
    plain_checkpoints,
    randomness,
)
from tandemclip.downstream.detection.attributes import (  # noqa: E402, F401
    attribute_head,
    metric,
    roi_head,
    transforms,
    visual_genome,
)
from tandemclip.downstream.detection.reading import read_plainly  # noqa: E402

read_plainly()
