"""How a run begins: anew, from another run's weights, or where it stopped."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from tandemclip.core.config.build import build
from tandemclip.core.config.yaml_text import merge
from tandemclip.core.data.tokenizers.tokenizer import build as build_tokenizer
from tandemclip.core.data.tokenizers.tokenizer import from_json
from tandemclip.core.errors import UserError
from tandemclip.core.spec import Spec, initial_weights
from tandemclip.core.training import checkpoint
from tandemclip.core.training.changes import Resumption, resumption
from tandemclip.core.training.config import Config
from tandemclip.core.training.trainer import Trainer

TIMED_STEPS = 20


def begin(
    run: Path,
    config: Config,
    mapping: dict,
    make_engine,
    init: Path | None = None,
    resumed: bool = False,
    evaluate=None,
) -> Trainer:
    """A run from its first step. make_engine(config, weights) -> engine. init: a checkpoint whose weights it takes.

    evaluate: see Trainer. resumed: it may have died before its first checkpoint and left rows in its journal; they go.
    """
    checkpoint.refuse_later(run, 0)
    tokenizer = tokenizer_of(config)
    weights = initial_weights(config.method, config.training.seed)
    if init is not None:
        weights = matching(checkpoint.load(checkpoint.resolve(init)).model, config.method, init)
    engine = make_engine(config, weights)
    return Trainer(
        run,
        config,
        engine,
        tokenizer,
        {"config": mapping, "tokenizer": tokenizer and tokenizer.to_json()},
        resumed=resumed,
        evaluate=evaluate,
    )


def tokenizer_of(config: Config):
    """None where the method reads no text."""
    given = config.data.tokenizer
    return None if given is None else build_tokenizer(given, config.data.train)


def resume(
    run: Path, mapping: dict, overrides: dict, make_engine, say: Callable[[str], None], evaluate=None
) -> Trainer | None:
    """The run as its newest whole checkpoint has it, on any engine; None where there is none yet.

    mapping: that of the config's file with `overrides` (--set) over it. evaluate: see Trainer.
    say: shows a sentence for each change, and for each key of the config's file that the run does not take up.
    """
    folder = checkpoint.latest(run)
    if folder is None:
        checkpoint.refuse_torn(run)
        return None
    saved = checkpoint.load(folder)
    found = resumption(saved.state["config"], mapping, overrides, folder)
    config = build(Config, found.mapping)
    steps = config.training.schedule(config.data.train.epoch).steps
    if steps < saved.step:
        raise UserError(
            f"{steps} steps are fewer than the {saved.step} that {folder} has made; "
            f"give training.steps={saved.step} or more"
        )
    engine = make_engine(config, matching(saved.model, config.method, folder))
    engine.load(saved.model, saved.optimizer)
    state = {name: saved.state.get(name) for name in ("tokenizer", "loss_scale", "changes")}
    state |= {"config": found.mapping}
    tokenizer = from_json(state["tokenizer"])
    trainer = Trainer(run, config, engine, tokenizer, state, saved.step, True, evaluate=evaluate)
    _note(trainer, found, steps, say)
    return trainer


def _note(trainer: Trainer, found: Resumption, steps: int, say: Callable[[str], None]) -> None:
    """Say what is changed and what is passed over; write changes into the checkpoint before anything else happens."""
    if not trainer.leads:
        return
    for sentence in found.passed_over:
        say(sentence)
    if found.changed:
        say(f"from step {trainer.step} on, by the schedule of {steps} steps: {', '.join(found.changed)}")
        before = trainer.state["changes"] or []
        trainer.state["changes"] = [*before, {"step": trainer.step, "changed": found.changed}]
        trainer.save_again()


def fit_minutes(trainer: Trainer, minutes: float) -> Trainer:
    """The same new run with as many steps as fit, 20 or more: times 20 of them, then starts over with that number."""
    if trainer.step:
        raise UserError(
            f"--minutes fixes the length of a new run, and this one stands at step {trainer.step}; leave it out"
        )
    before = trainer.engine.weights()
    seconds = _lasting(trainer, max(TIMED_STEPS, trainer.schedule.steps)).measure(TIMED_STEPS)
    trainer.engine.load(before)
    return _lasting(trainer, max(TIMED_STEPS, int(minutes * 60 / seconds)))


def _lasting(trainer: Trainer, steps: int) -> Trainer:
    """The same new run with another number of steps."""
    mapping = merge(trainer.state["config"], {"training": {"steps": steps, "epochs": None}})
    state = {**trainer.state, "config": mapping}
    config = build(Config, mapping)
    return replace(trainer, config=config, state=state, step=0)


def matching(weights: dict[str, np.ndarray], spec: Spec, folder) -> dict[str, np.ndarray]:
    """`weights` if they are those of this architecture, name by name and shape by shape; UserError otherwise."""
    wanted = {name: item.shape for name, item in spec.declared().items()}
    for name, shape in wanted.items():
        if name not in weights or weights[name].shape != tuple(shape):
            found = f"has {list(weights[name].shape)}" if name in weights else "does not have it"
            raise UserError(
                f"checkpoint {folder} is of another architecture: the config wants {name} {list(shape)}, the checkpoint "
                f"{found}; use the config it was trained with"
            )
    left = sorted(set(weights) - set(wanted))
    if left:
        raise UserError(
            f"checkpoint {folder} is of another architecture: the config has no place for its {left[0]}"
            f"{f' and {len(left) - 1} more' if left[1:] else ''}; use the config it was trained with"
        )
    return weights
