"""How a run begins: anew, from another run's weights, or where it stopped."""

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
from tandemclip.core.training.config import Config
from tandemclip.core.training.trainer import Trainer

_FREE = {
    "training": "steps epochs accumulate evaluate_every checkpoint_every checkpoint_minutes",
    "data": "workers bad_records",
}
FREE_TO_CHANGE = {(section, key) for section, keys in _FREE.items() for key in keys.split()}  # on resume
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


def resume(run: Path, config: Config, mapping: dict, make_engine, evaluate=None) -> Trainer | None:
    """The run as its newest whole checkpoint has it, on any engine; None where there is none yet."""
    folder = checkpoint.latest(run)
    if folder is None:
        checkpoint.refuse_torn(run)
        return None
    saved = checkpoint.load(folder)
    mapping = _same(mapping, saved.state["config"], folder)
    length = {key: saved.state["config"]["training"].get(key) for key in ("steps", "epochs")}
    mapping = merge(mapping, {"training": length})  # the schedule is the saved one's, also where --minutes set it
    config = build(Config, mapping)
    engine = make_engine(config, matching(saved.model, config.method, folder))
    engine.load(saved.model, saved.optimizer)
    state = {"config": mapping, "tokenizer": saved.state["tokenizer"], "loss_scale": saved.state.get("loss_scale")}
    tokenizer = from_json(state["tokenizer"])
    return Trainer(run, config, engine, tokenizer, state, saved.step, True, evaluate=evaluate)


def fit_minutes(trainer: Trainer, minutes: float) -> Trainer:
    """The same new run with as many steps as fit: times 20 of them, then starts over with the count fixed."""
    if trainer.step:
        raise UserError(
            f"--minutes fixes the length of a new run, and this one stands at step {trainer.step}; leave it out"
        )
    before = trainer.engine.weights()
    seconds = trainer.measure(TIMED_STEPS)
    trainer.engine.load(before)
    steps = max(TIMED_STEPS, int(minutes * 60 / seconds))
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


def _same(mapping, saved, folder) -> dict:
    """`mapping` with what only `saved` says (a --set of the first start), if they do not contradict each other."""
    together = merge(saved, mapping)
    here, there = dict(leaves(together)), dict(leaves(saved))
    for path in {**there, **here}:
        if path not in FREE_TO_CHANGE and here.get(path) != there.get(path):
            raise UserError(
                f"{'.'.join(path)} is {here.get(path)!r} here and {there.get(path)!r} in {folder}, which --resume "
                "goes on from; give the same config, or start a new run with --out and --init"
            )
    return together


def leaves(mapping, path=()):
    """(keys from the root, value) of everything in a mapping of mappings."""
    for key, value in mapping.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value
