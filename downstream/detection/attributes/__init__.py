"""The object-attribute detector, in the role that VinVL has in PyramidCLIP: it tells what is where, and how it looks.

A Faster R-CNN whose boxes have attributes besides their category. From its phrases and features PyramidCLIP's ROI level
is made: `tools/prepare.py objects --detector`.
"""

from tandemclip.downstream.detection.ops.install import install_ops
from tandemclip.downstream.detection.ops.torchvision_kernels import hide_broken_torchvision

# As in register.py, so that every module here can be imported alone: mmdet's models and data sets import mmcv.ops.
hide_broken_torchvision()
install_ops()
