"""What mmcv compiles, in plain torch, as far as Faster and Mask R-CNN call it."""
