"""PyramidCLIP's transfer to COCO (4.5, B.2), from random weights: 90k iterations.

The batch of 16 and the decays at 60k and 80k are Detectron2's; the paper names neither.
"""

_base_ = ["base/mask_rcnn_c4.py", "base/coco_short_side.py", "base/sgd.py"]
