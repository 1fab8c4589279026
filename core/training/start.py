"""How a run begins: anew, from another run's weights, or where it stopped."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tandemclip.core.config.build import build
from tandemclip.core.config.yaml_text import merge
from tandemclip.core.data.tokenizers.tokenizer import build as build_tokenizer
from tandemclip.core.data.tokenizers.tokenizer import from_json
from tandemclip.core.errors import UserError
from tandemclip.core.spec import initial_weights
from tandemclip.core.training import checkpoint
from tandemclip.core.training.config import Config
from tandemclip.core.training.init import matching, take
from tandemclip.core.training.trainer import Trainer
from tandemclip.core.training.update import remembered_names

_FREE = {
    "training": "steps epochs accumulate evaluate_every checkpoint_every checkpoint_minutes",
    "data": "workers bad_records",
}
FREE_TO_CHANGE = {(section, key) for section, keys in _FREE.items() for key in keys.split()}  # on resume
KEPT = ("tokenizer", "loss_scale", "init")  # of a checkpoint's state, by the run that goes on from it
TIMED_STEPS = 20


def begin(
    run: Path, config: Config, mapping: dict, make_engine, resumed: bool = False, say: Callable[[str], None] = print
) -> Trainer:
    """A run from its first step. make_engine(config, weights) -> engine.

    resumed: it may have died before its first checkpoint and left rows in its journal; they go. say: where the first
    rank tells what the run takes over by `init`.
    """
    checkpoint.refuse_later(run, 0)
    tokenizer = tokenizer_of(config)
    state = {"config": mapping, "tokenizer": tokenizer and tokenizer.to_json()}
    weights, told = initial_weights(config.method, config.training.seed), []
    if config.init is not None:
        saved = checkpoint.load(checkpoint.resolve(Path(config.init.from_)))
        weights, account = take(config.init, saved, config.method, tokenizer, weights)
        state["init"], told = account.to_json(), account.lines()
    engine = make_engine(config, weights)
    _say(engine, told, say)
    return Trainer(run, config, engine, tokenizer, state, resumed=resumed)


def _say(engine, lines: list[str], say) -> None:
    for line in lines if engine.ranks.rank == 0 else []:
        say(line)


def tokenizer_of(config: Config):
    """None where the method reads no text."""
    given = config.data.tokenizer
    return None if given is None else build_tokenizer(given, config.data.train)


def resume(run: Path, config: Config, mapping: dict, make_engine, say: Callable[[str], None] = print) -> Trainer | None:
    """The run as its newest whole checkpoint has it, on any engine; None where there is none yet."""
    folder = checkpoint.latest(run)
    if folder is None:
        checkpoint.refuse_torn(run)
        return None
    saved = checkpoint.load(folder)
    begun = {key: value for key, value in mapping.items() if key != "init"}  # what the start took stands in the state
    mapping = _same(begun, saved.state["config"], folder)
    length = {key: saved.state["config"]["training"].get(key) for key in ("steps", "epochs")}
    mapping = merge(mapping, {"training": length})  # the schedule is the saved one's, also where --minutes set it
    config = build(Config, mapping)
    moments, told = _remembered(saved, config)
    engine = make_engine(config, matching(saved.model, config.method, folder))
    engine.load(saved.model, moments)
    _say(engine, told, say)
    state = {"config": mapping} | {key: saved.state[key] for key in KEPT if key in saved.state}
    return Trainer(run, config, engine, from_json(state["tokenizer"]), state, saved.step, True)


def _remembered(saved: checkpoint.Checkpoint, config: Config) -> tuple[dict[str, np.ndarray], list[str]]:
    """What the update rule goes on from, and what is to be said of the rest, which it has no use for."""
    rule = config.training.update
    wanted = remembered_names(config.training.tuning.groups(config.method, rule), rule)
    missing = [name for name in wanted if name not in saved.optimizer]
    if missing:
        raise UserError(
            f"{saved.folder} lacks {missing[0]}{f' and {len(missing) - 1} more' if missing[1:] else ''}, from which "
            f"{type(rule).__name__} would go on; start a new run from its weights with --out and --init"
        )
    extra, kept = sorted(saved.optimizer.keys() - set(wanted)), {name: saved.optimizer[name] for name in wanted}
    if not extra:
        return kept, []
    return kept, [f"{len(extra)} arrays of {saved.folder} are of no use to {type(rule).__name__}: {extra[0]} ..."]


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
    return Trainer(trainer.run, config, trainer.engine, trainer.tokenizer, state, 0, trainer.resumed, trainer.stop)


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
