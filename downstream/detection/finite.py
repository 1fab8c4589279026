"""A training whose loss is not finite stops there, before a checkpoint holds what came of it."""

import torch
from mmdet.registry import HOOKS
from mmengine.hooks import Hook


class NotFinite(Exception):
    """A loss is NaN or infinite. What to do depends on the run, so that this is no UserError."""


@HOOKS.register_module()
class FiniteLosses(Hook):
    """Looks at every iteration's losses. mmdet's CheckInvalidLossHook looks at every fiftieth, and names none."""

    priority = "VERY_HIGH"  # before the checkpoint is written

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        """Raises NotFinite with the iteration, counted from 1, the losses and the pictures of the batch."""
        wrong = [name for name, value in outputs.items() if "loss" in name and not torch.isfinite(value).all()]
        if wrong:
            pictures = ", ".join(sample.img_path for sample in data_batch["data_samples"])
            raise NotFinite(
                f"iteration {runner.iter + 1}: {', '.join(wrong)} is not finite; the batch held {pictures}; the last "
                "checkpoint is from before it: go on from there with a lower learning rate, longer warm-up or "
                "optim_wrapper.clip_grad"
            )
