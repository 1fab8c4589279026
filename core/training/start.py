"""How a run begins: anew, from another run's weights, or where it stopped."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np

from tandemclip.core.config.build import build
from tandemclip.core.config.yaml_text import merge
from tandemclip.core.console.progress import Progress
from tandemclip.core.data.sources.class_names import first_difference
from tandemclip.core.data.tokenizers.tokenizer import Tokenizer, from_json
from tandemclip.core.data.tokenizers.tokenizer import build as build_tokenizer
from tandemclip.core.errors import UserError
from tandemclip.core.spec import initial_weights
from tandemclip.core.training import checkpoint, phases
from tandemclip.core.training.changes import Resumption, resumption
from tandemclip.core.training.config import Config
from tandemclip.core.training.identity import Compared, identities, refuse_unequal_ranks, to_state
from tandemclip.core.training.init import matching, take
from tandemclip.core.training.phases import BEGUN
from tandemclip.core.training.trainer import Trainer
from tandemclip.core.training.tuning import Tuning
from tandemclip.core.training.update import remembered_names

CLASSES = "class_names"
KEPT = ("tokenizer", "loss_scale", "init", "changes", BEGUN)  # of a checkpoint's state, by the run that goes on from it
TIMED_STEPS = 20


def begin(
    run: Path,
    config: Config,
    mapping: dict,
    make_engine,
    resumed: bool = False,
    say: Callable[[str], None] = print,
    evaluate=None,
    reporters=(),
) -> Trainer:
    """A run from its first step. make_engine(config, weights) -> engine.

    resumed: it may have died before its first checkpoint and left rows in its journal; they go. say: where the first
    rank tells what the run takes over by `init`. evaluate, reporters: see Trainer.
    """
    checkpoint.refuse_later(run, 0)
    tokenizer, names = tokenizer_of(config), class_names_of(config)
    present = identities(config.method, config.data, tokenizer)
    state = {"config": mapping, "tokenizer": tokenizer and tokenizer.to_json(), CLASSES: names, **to_state(present)}
    weights, told = initial_weights(config.method, config.training.seed), []
    if config.init is not None:
        saved = checkpoint.load(checkpoint.resolve(Path(config.init.from_)))
        weights, account = take(config.init, saved, config.method, tokenizer, weights, tuple(names))
        state["init"], told = account.to_json(), account.lines()
    engine = make_engine(config, weights)
    refuse_unequal_ranks(engine, present)
    _say(engine, told, say)
    return Trainer(run, config, engine, tokenizer, state, resumed=resumed, evaluate=evaluate, reporters=reporters)


def _say(engine, lines: list[str], say) -> None:
    for line in lines if engine.ranks.rank == 0 else []:
        say(line)


def tokenizer_of(config: Config):
    """None where the method reads no text."""
    given = config.data.tokenizer
    return None if given is None else build_tokenizer(given, config.data.train)


def class_names_of(config: Config) -> list[str]:
    """What the classes are called that the method learns by their number; [] where it has none, or nobody says."""
    return list(config.data.train.listed_classes) if config.method.of_classes else []


def resume(
    run: Path,
    mapping: dict,
    overrides: dict,
    make_engine,
    say: Callable[[str], None],
    evaluate=None,
    reporters=(),
    accept_data_change: bool = False,
) -> Trainer | None:
    """The run as its newest whole checkpoint has it, on any engine; None where there is none yet.

    mapping: that of the config's file with `overrides` (--set) over it. evaluate, reporters: see
    Trainer. say: shows a sentence for each change, and for each key of the config's file that the run does not take up.
    accept_data_change: go on with other data than those that the run was made with, which is said and written down.
    """
    folder = checkpoint.latest(run)
    if folder is None:
        checkpoint.refuse_torn(run)
        return None
    saved = checkpoint.load(folder)
    begun = {key: value for key, value in mapping.items() if key != "init"}  # what the start took stands in the state
    passed_over = (
        [f"init is passed over: the run goes on from its own step {saved.step}"] if "init" in overrides else []
    )
    found = resumption(saved.state["config"], begun, overrides, folder)
    config = build(Config, found.mapping, stored=True)
    steps = config.training.schedule(config.data.train.epoch).steps
    if steps < saved.step:
        raise UserError(
            f"{steps} steps are fewer than the {saved.step} that {folder} has made; "
            f"give training.steps={saved.step} or more"
        )
    tokenizer, read = _tokenizer(saved, config)
    present, names = identities(config.method, config.data, read), class_names_of(config)
    compared = Compared(saved.state, present, folder, accept_data_change)
    _refuse_other_classes(saved, names)
    begun = phases.from_json(saved.state.get(BEGUN))
    moments, dropped = _remembered(saved, config, config.training.tuning.with_begun(begun))
    engine = make_engine(config, matching(saved.model, config.method, folder))
    if begun:
        engine.lay_out(config.training.tuning.with_begun(begun))
    refuse_unequal_ranks(engine, present)
    engine.load(saved.model, moments)
    _say(engine, [*passed_over, *compared.told, *dropped, *_other_pieces(saved, config)], say)
    state = {"config": found.mapping, CLASSES: names, **to_state(present)} | {
        key: saved.state[key] for key in KEPT if key in saved.state
    }
    trainer = Trainer(run, config, engine, tokenizer, state, saved.step, True, evaluate=evaluate, reporters=reporters)
    _note(trainer, found, compared.accepted, steps, say)
    return trainer


def _tokenizer(saved: checkpoint.Checkpoint, config: Config) -> tuple[Tokenizer | None, Tokenizer | None]:
    """-> (that of the run, that which its configuration names: the same where the vocabulary was trained)"""
    own = from_json(saved.state["tokenizer"])
    return own, own if own is None else config.data.tokenizer.named() or own


def _refuse_other_classes(saved: checkpoint.Checkpoint, names: list[str]) -> None:
    """A class that has another number would be learned over another one, whatever is accepted."""
    before = saved.state.get(CLASSES) or []
    if before and names and before != names:
        theirs, ours = first_difference(before, names)
        raise UserError(
            f"the classes of data.train are others than those that {saved.folder} has learned by their number: "
            f"{theirs} there, and {ours} here; give the data with the same list of classes, or start a new run with "
            "--out and --init"
        )


def _other_pieces(saved: checkpoint.Checkpoint, config: Config) -> list[str]:
    """What is to be said of an `accumulate` that has changed."""
    before, now = saved.state["config"]["training"].get("accumulate", 1), config.training.accumulate
    if before == now or not any(config.method.all_buffers()):
        return []
    return [f"training.accumulate {before} -> {now}: BatchNorms see pieces of another size from here on"]


def _note(trainer: Trainer, found: Resumption, accepted: list[str], steps: int, say: Callable[[str], None]) -> None:
    """Say what is changed and what is passed over; write changes into the checkpoint before anything else happens."""
    if not trainer.leads:
        return
    for sentence in found.passed_over:
        say(sentence)
    if found.changed:
        say(f"from step {trainer.step} on, by the schedule of {steps} steps: {', '.join(found.changed)}")
    if accepted:
        say(f"from step {trainer.step} on with other data, as accepted: {'; '.join(accepted)}")
    if found.changed or accepted:
        before = trainer.state.get("changes") or []
        trainer.state["changes"] = [*before, {"step": trainer.step, "changed": [*found.changed, *accepted]}]
        trainer.save_again()


def _remembered(
    saved: checkpoint.Checkpoint, config: Config, tuning: Tuning
) -> tuple[dict[str, np.ndarray], list[str]]:
    """What the update rule goes on from, and what is to be said of the rest, which it has no use for."""
    rule = config.training.update
    wanted = remembered_names(tuning.groups(config.method, rule), rule)
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


def fit_minutes(trainer: Trainer, minutes: float, say: Callable[[str], None] = print) -> Trainer:
    """The same new run with as many steps as fit, 20 or more: times 20 of them, then starts over with that number.

    say: where the first rank tells at once that it does.
    """
    if trainer.step:
        raise UserError(
            f"--minutes fixes the length of a new run, and this one stands at step {trainer.step}; leave it out"
        )
    before, tuning = trainer.engine.weights(), trainer.phases.configured
    _say(trainer.engine, [f"timing {TIMED_STEPS} steps, to see how many {minutes:g} minutes are"], say)
    timed = _lasting(trainer, max(TIMED_STEPS, trainer.schedule.steps))
    if later := tuning.whole != tuning:
        trainer.engine.lay_out(tuning.whole)  # a step in which all trains takes longest
    with Progress("timed", TIMED_STEPS) if trainer.leads else nullcontext() as shown:
        seconds = timed.measure(TIMED_STEPS, *([shown.advance] if trainer.leads else []))
    if later:
        trainer.engine.lay_out(tuning)
    trainer.engine.load(before)
    return _lasting(trainer, max(TIMED_STEPS, int(minutes * 60 / seconds)))


def _lasting(trainer: Trainer, steps: int) -> Trainer:
    """The same new run with another number of steps."""
    mapping = merge(trainer.state["config"], {"training": {"steps": steps, "epochs": None}})
    state = {**trainer.state, "config": mapping}
    config = build(Config, mapping)
    return replace(trainer, config=config, state=state, step=0)
