"""How a run begins: anew, from another run's weights, or where it stopped."""

from pathlib import Path

import numpy as np

from tandemclip.core.config import Config, build
from tandemclip.core.data.tokenizer import build as build_tokenizer
from tandemclip.core.data.tokenizer import from_json
from tandemclip.core.errors import UserError
from tandemclip.core.spec import Spec, initial_weights
from tandemclip.core.training import checkpoint
from tandemclip.core.training.trainer import Trainer
from tandemclip.core.yaml_text import merge

FREE_TO_CHANGE = (("training", "steps"), ("training", "epochs"), ("data", "workers"))  # on resume
TIMED_STEPS = 20


def begin(
    run: Path, config: Config, mapping: dict, make_engine, init: Path | None = None, resumed: bool = False
) -> Trainer:
    """A run from its first step. make_engine(method, weights, rule) -> engine. init: a checkpoint whose weights it takes.

    resumed: it may have died before its first checkpoint and left rows in its journal; they go.
    """
    checkpoint.refuse_later(run, 0)
    tokenizer = tokenizer_of(config)
    weights = initial_weights(config.method, config.training.seed)
    if init is not None:
        weights = matching(checkpoint.load(checkpoint.resolve(init)).model, config.method, init)
    engine = make_engine(config.method, weights, config.training.update)
    return Trainer(run, config, engine, tokenizer, {"config": mapping, "tokenizer": tokenizer.to_json()}, resumed=resumed)


def tokenizer_of(config: Config):
    return build_tokenizer(config.data.tokenizer, config.data.train)


def resume(run: Path, config: Config, mapping: dict, make_engine) -> Trainer | None:
    """The run as its newest whole checkpoint has it, on any engine; None where there is none yet."""
    folder = checkpoint.latest(run)
    if folder is None:
        return None
    saved = checkpoint.load(folder)
    _same(mapping, saved.state["config"], folder)
    length = {key: saved.state["config"]["training"].get(key) for key in ("steps", "epochs")}
    mapping = merge(mapping, {"training": length})  # the schedule is the saved one's, also where --minutes set it
    config = build(Config, mapping)
    engine = make_engine(config.method, matching(saved.model, config.method, folder), config.training.update)
    engine.load(saved.model, saved.optimizer)
    state = {"config": mapping, "tokenizer": saved.state["tokenizer"]}
    return Trainer(run, config, engine, from_json(state["tokenizer"]), state, saved.step, True)


def fit_minutes(trainer: Trainer, minutes: float) -> Trainer:
    """The same new run with as many steps as fit: times 20 of them, then starts over with the count fixed."""
    if trainer.step:
        raise UserError(f"--minutes fixes the length of a new run, and this one stands at step {trainer.step}; leave it out")
    before = trainer.engine.weights()
    seconds = trainer.measure(TIMED_STEPS)
    trainer.engine.load(before)
    steps = max(TIMED_STEPS, int(minutes * 60 / seconds))
    mapping = merge(trainer.state["config"], {"training": {"steps": steps, "epochs": None}})
    state = {**trainer.state, "config": mapping}
    return Trainer(trainer.run, build(Config, mapping), trainer.engine, trainer.tokenizer, state, 0, trainer.resumed, trainer.stop)


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


def _same(mapping, saved, folder):
    for path, value in _leaves(merge(saved, mapping)):
        if path not in FREE_TO_CHANGE and dict(_leaves(saved)).get(path) != value:
            raise UserError(
                f"{'.'.join(path)} is {value!r} here and {dict(_leaves(saved)).get(path)!r} in {folder}, which --resume "
                "goes on from; give the same config, or start a new run with --out and --init"
            )


def _leaves(mapping, path=()):
    for key, value in mapping.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value
