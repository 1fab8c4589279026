"""Training and evaluation by mmengine, shown as all long work of this project is."""

import time
from contextlib import ExitStack

from mmengine.hooks import Hook

from tandemclip.core.console.progress import Progress as Count
from tandemclip.core.training.progress import Progress


def lines(figures: dict) -> list[str]:
    """["voc/mAP: 0.509", ...]"""
    return [f"{name}: {value:.3f}" for name, value in figures.items()]


class ShowProgress(Hook):
    """Iteration, loss, pictures a second, share of waiting for data and time left; figures after each evaluation.

    open: what is entered here and left when the work ends, however it does. mmengine's own log stays in its file.
    """

    priority = "LOW"  # after the hooks that may stop the run

    def __init__(self, open: ExitStack):
        self._open = open

    def before_train(self, runner) -> None:
        self._training = self._open.enter_context(Progress(runner.max_iters, runner.iter, every=10))
        self._last = time.monotonic()

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        self._had_data = time.monotonic()

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        now = time.monotonic()
        row = {"step": runner.iter + 1, "loss": outputs["loss"].item()}
        row |= {"step_seconds": now - self._last, "data_seconds": self._had_data - self._last}
        self._training.update(row, len(data_batch["inputs"]))
        self._last = now

    def after_val_epoch(self, runner, metrics: dict | None = None) -> None:
        for line in lines(metrics or {}):
            self._training.say(f"  {line}")
        self._last = time.monotonic()  # the evaluation is no part of an iteration

    def before_test(self, runner) -> None:
        self._testing = self._open.enter_context(Count("pictures", len(runner.test_dataloader.dataset)))

    def after_test_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        self._testing.advance(len(outputs))
