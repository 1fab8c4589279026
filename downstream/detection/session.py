"""Training and testing a detector by mmengine's Runner, one process a rank."""

import logging
import os
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.runner import Runner

from tandemclip.core.errors import UserError
from tandemclip.downstream.detection import mistakes, own_towers, pictures, trained_file
from tandemclip.downstream.detection.channels import require_channels
from tandemclip.downstream.detection.progress import ShowProgress

TRAINING = ("train_dataloader", "train_cfg", "optim_wrapper")
VALIDATION = ("val_dataloader", "val_cfg", "val_evaluator")
TESTING = ("test_dataloader", "test_cfg", "test_evaluator")


def train(config: Config, run: Path, resume: bool = False) -> Runner:
    """The Runner after its training. Its checkpoints, log and TensorBoard's events are in the folder `run`.

    resume: go on from the newest checkpoint there, if there is one. Raises UserError where there is one and it is not
    asked for, for one of another model, for data that are not there, and for a configuration that cannot be built;
    NotFinite.
    """
    begun = (run / trained_file.NEWEST).exists()
    if begun and not resume:
        raise UserError(f"--out {run} holds a training already: give --resume to go on with it, or another folder")
    _require(config, TRAINING)
    config.resume = begun
    if begun:
        config.load_from = str(trained_file.checkpoint_file(run))
    with _runner(config, run) as runner:
        if begun:
            newest = Path(config.load_from)
            trained_file.require_weights(own_towers.whole(runner.model), _weights(newest), newest)
        runner.train()
    return runner


def test(config: Config, checkpoint: Path, out: Path) -> dict[str, float]:
    """The figures of `test_evaluator`. checkpoint: a file, or a training's folder (its newest). Raises UserError."""
    _require(config, TESTING)
    with trained(config, checkpoint, out) as runner:
        figures = runner.test()
    return {name: float(value) for name, value in figures.items()}


@contextmanager
def trained(config: Config, checkpoint: Path, out: Path):
    """A Runner whose model has the weights of a checkpoint, all of them. Raises UserError if it is of another model.

    Nothing else is read: the checkpoint that the towers began from need not be there.
    """
    file = trained_file.checkpoint_file(checkpoint)
    content = trained_file.content_of(file)
    own_towers.begin_from_nothing(config, content["meta"], file)
    config.load_from = str(file)
    with _runner(config, out) as runner:
        trained_file.require_weights(own_towers.whole(runner.model), content["state_dict"], file)
        yield runner


def _weights(file: Path) -> dict:
    return trained_file.content_of(file)["state_dict"]


def _require(config: Config, asked: tuple[str, ...]) -> None:
    """What is asked for is there, and of the rest all that belongs together or nothing."""
    for keys in (TRAINING, VALIDATION, TESTING):
        missing = [key for key in keys if config.get(key) is None]
        if missing and (keys == asked or len(missing) < len(keys)):
            raise UserError(
                f"{config.filename} has no {', no '.join(missing)}, and {', '.join(keys)} belong together: take a file "
                "of ours as a base, as `tandemclip show coco_sample_mask_rcnn` prints one, or mmdet's schedules"
            )


@contextmanager
def _runner(config: Config, folder: Path):
    _require_writable(folder)
    config.work_dir = str(folder)
    _join_ranks(config)
    built = mistakes.AllIsBuilt()
    with ExitStack() as open, mistakes.told(config.filename, built):
        runner = _QuietRunner.from_cfg(config)
        require_channels(runner.model, config)
        runner.register_hook(built)
        if runner.rank == 0:
            runner.register_hook(ShowProgress(open))
        yield runner


def _require_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(None, "Permission denied")
    except OSError as error:
        raise UserError(f"--out {folder} cannot be written to ({error.strerror}); choose another folder") from error


class _QuietRunner(Runner):
    """Its log goes into the file; a terminal has warnings and the progress."""

    def build_logger(self, *args, **settings):
        logger = super().build_logger(*args, **settings)
        for handler in logger.handlers:
            if type(handler) is logging.StreamHandler:
                handler.setLevel(max(handler.level, logging.WARNING))
        return logger

    @staticmethod
    def build_dataloader(dataloader, *args, **settings):
        """Raises UserError for data without a picture, or without a class of the configuration's."""
        with pictures.opened(dataloader):
            loader = Runner.build_dataloader(dataloader, *args, **settings)
        pictures.require_classes(loader.dataset)
        return loader


def _join_ranks(config: Config) -> None:
    """torchrun tells each process its rank in the environment."""
    if "RANK" not in os.environ:
        return
    config.launcher = "pytorch"
    if not torch.cuda.is_available():  # mmengine would choose a GPU for each rank
        config.model_wrapper_cfg = dict(type="MMDistributedDataParallel", broadcast_buffers=False, device_ids=None)
        if not torch.distributed.is_initialized():
            torch.distributed.init_process_group("gloo")
