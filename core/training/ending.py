"""What is said when a training ends: what came of it, how long it took, and where it lies."""

from datetime import timedelta

from tandemclip.core import figures as beside
from tandemclip.core.statistic import Statistic
from tandemclip.core.training import checkpoint
from tandemclip.core.training.best import NAME
from tandemclip.core.training.progress import figures
from tandemclip.core.training.trainer import Trainer


def lines(trainer: Trainer, found: dict[str, Statistic]) -> list[str]:
    """found: the evaluation at the end, {} where the run has not ended, or measures nothing."""
    return [*_figures(trainer, found), *_early(trainer), *_time(trainer), *_places(trainer)]


def _figures(trainer: Trainer, found: dict[str, Statistic]) -> list[str]:
    """The last evaluation, and beside each figure the highest of the run where an earlier one was higher."""
    standing = trainer.standing
    if not found:
        return [f"last evaluation, step {step}: {figures(last)}" for step, last in standing.evaluations[-1:]]
    told = []
    for name, each in found.items():
        best = standing.best_by(name)
        higher = best is not None and best.percent > 100 * each.share
        told.append(beside.line(name, each) + (f" (best: {best.percent:.2f}% at step {best.step})" if higher else ""))
    return [*told, *(f"remark: {each}" for each in beside.remarks(found)), *_at_chance(trainer, found)]


def _at_chance(trainer: Trainer, found: dict[str, Statistic]) -> list[str]:
    """--overfit is named where it can be asked: of images with texts, and not at its own end."""
    guessing, config = beside.at_chance(found), trainer.config
    if guessing is None:
        return []
    other = config.method.text is not None and config.data.evaluate is not None
    overfit = "evaluate on more images, or see whether the set-up can learn at all by --overfit 128"
    return [f"{guessing}; train longer, {overfit if other else 'or evaluate on more images'}"]


def _early(trainer: Trainer) -> list[str]:
    standing, steps = trainer.standing, trainer.schedule.steps
    if not trainer.ended or trainer.step >= steps:
        return []
    return [
        f"stopped early, at step {trainer.step} of {steps}: {standing.since} evaluations without a better "
        f"{standing.metric} (training.stop_after is {standing.stop_after}; a larger one with --resume goes on)"
    ]


def _time(trainer: Trainer) -> list[str]:
    steps, seconds = trainer.spent
    if not steps:
        return []
    spent = timedelta(seconds=round(seconds))
    return [f"{steps} steps in {spent}, {steps / seconds:.2f} steps/s (evaluations and checkpoints included)"]


def _places(trainer: Trainer) -> list[str]:
    best, told = trainer.standing.best, [f"checkpoint, step {trainer.step}: {_newest(trainer)}"]
    if best is not None and checkpoint.pointed(trainer.run) is not None:
        told.append(f"best {best.metric}, {best.percent:.2f}% at step {best.step}: {trainer.run / NAME}")
    return told


def _newest(trainer: Trainer):
    return checkpoint.folder_of(trainer.run, trainer.step)
