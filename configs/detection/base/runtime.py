"""What every training of ours has beside a model, data and a schedule. Intervals are iterations."""

_base_ = "mmdet::_base_/default_runtime.py"

custom_imports = dict(imports=["tandemclip.downstream.detection.register"])
custom_hooks = [dict(type="PlainCheckpoints"), dict(type="KeyedRandomness"), dict(type="FiniteLosses")]
randomness = dict(seed=0)

default_hooks = dict(checkpoint=dict(by_epoch=False, interval=5000, max_keep_ckpts=2))
log_processor = dict(by_epoch=False)
visualizer = dict(
    _delete_=True,  # mmdet's has a name, by which a second run of one process writes into the first one's folder
    type="DetLocalVisualizer",
    vis_backends=[dict(type="LocalVisBackend"), dict(type="TensorboardVisBackend")],
)

val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
