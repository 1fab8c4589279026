"""Swin's optimiser for detection (Liu et al. 2021, A2.2): AdamW, without decay of norms and position biases.

Its 12 epochs of COCO are the 90k iterations of sgd.py; the warm-up of 1,000 iterations is that of its released files.
"""

_base_ = "sgd.py"

optim_wrapper = dict(
    optimizer=dict(_delete_=True, type="AdamW", lr=0.0001, betas=(0.9, 0.999), weight_decay=0.05),
    paramwise_cfg=dict(custom_keys=dict(norm=dict(decay_mult=0.0), relative_bias=dict(decay_mult=0.0))),
)
