"""Training and testing a detector by mmengine's Runner, one process a rank."""

import logging
import os
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.runner import Runner

from tandemclip.core.errors import UserError
from tandemclip.downstream.detection.progress import ShowProgress
from tandemclip.downstream.detection.reading import load_from_local

NEWEST = "last_checkpoint"  # mmengine's file in a training's folder: the path of its newest checkpoint


def train(config: Config, run: Path, resume: bool = False) -> Runner:
    """The Runner after its training. Its checkpoints, log and TensorBoard's events are in the folder `run`.

    resume: go on from the newest checkpoint there, if there is one. Raises UserError where there is one and it is not
    asked for, and for data that are not there; NotFinite.
    """
    if not resume and (run / NEWEST).exists():
        raise UserError(f"--out {run} holds a training already: give --resume to go on with it, or another folder")
    config.resume = resume
    with _runner(config, run) as runner:
        runner.train()
    return runner


def test(config: Config, checkpoint: Path, out: Path) -> dict[str, float]:
    """The figures of `test_evaluator`. checkpoint: a file, or a training's folder (its newest). Raises UserError."""
    with trained(config, checkpoint, out) as runner:
        figures = runner.test()
    return {name: float(value) for name, value in figures.items()}


@contextmanager
def trained(config: Config, checkpoint: Path, out: Path):
    """A Runner whose model has the weights of a checkpoint, all of them. Raises UserError if it is of another model."""
    if checkpoint.is_dir():
        newest = checkpoint / NEWEST
        if not newest.exists():
            raise UserError(f"the folder {checkpoint} has no file {NEWEST}, which every training writes there")
        checkpoint = checkpoint / Path(newest.read_text()).name  # the folder may have moved
    config.load_from = str(checkpoint)
    with _runner(config, out) as runner:
        there = load_from_local(config.load_from).get("state_dict", {})
        asked = runner.model.state_dict()
        wrong = [name for name, value in asked.items() if name not in there or there[name].shape != value.shape]
        if wrong:
            raise UserError(
                f"{checkpoint} is no checkpoint of this model: {len(wrong)} of its {len(asked)} arrays are missing or "
                f"of another shape, the first is {wrong[0]}; give the configuration that it was trained with"
            )
        yield runner


@contextmanager
def _runner(config: Config, folder: Path):
    config.work_dir = str(folder)
    _join_ranks(config)
    try:
        with ExitStack() as open:
            runner = _QuietRunner.from_cfg(config)
            if runner.rank == 0:
                runner.register_hook(ShowProgress(open))
            yield runner
    except FileNotFoundError as error:
        raise UserError(
            f"{error}: prepare the data as docs/detection.md of the repository says; --data names their folder"
        ) from error


class _QuietRunner(Runner):
    """Its log goes into the file; a terminal has warnings and the progress."""

    def build_logger(self, *args, **settings):
        logger = super().build_logger(*args, **settings)
        for handler in logger.handlers:
            if type(handler) is logging.StreamHandler:
                handler.setLevel(max(handler.level, logging.WARNING))
        return logger


def _join_ranks(config: Config) -> None:
    """torchrun tells each process its rank in the environment."""
    if "RANK" not in os.environ:
        return
    config.launcher = "pytorch"
    if not torch.cuda.is_available():  # mmengine would choose a GPU for each rank
        config.model_wrapper_cfg = dict(type="MMDistributedDataParallel", broadcast_buffers=False, device_ids=None)
        if not torch.distributed.is_initialized():
            torch.distributed.init_process_group("gloo")
