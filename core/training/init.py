"""What a new run takes over of another run's weights, with account of every name."""

from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase

import numpy as np

from tandemclip.core.data.tokenizers.tokenizer import Tokenizer
from tandemclip.core.errors import UserError
from tandemclip.core.methods.method import Method
from tandemclip.core.spec import Spec
from tandemclip.core.towers.positions import is_grid, position_grids, resized
from tandemclip.core.training.checkpoint import Checkpoint
from tandemclip.core.training.constants import compare
from tandemclip.core.training.tuning import nothing_matches

SHOWN = 3  # names of a list that is said


@dataclass(frozen=True)
class Init:
    """The `init` section: a new run starts from the weights of a checkpoint, or of a run's newest one.

    from_ (the key is `from`): its folder. parts: patterns of parameters and buffers to take; one that begins with "!"
    takes names out again, out of all where there are no others. None given: all of them, and then both must have the
    same. resize_positions: positions of another resolution are interpolated. accept: constants, e.g. "text.eps", that
    may differ between the two.
    """

    from_: str
    parts: tuple[str, ...] = ()
    resize_positions: bool = False
    accept: tuple[str, ...] = ()

    def asks(self, name: str) -> bool:
        taken = [part for part in self.parts if not part.startswith("!")]
        left = [part[1:] for part in self.parts if part.startswith("!")]
        matches = lambda patterns: any(fnmatchcase(name, pattern) for pattern in patterns)
        return (not taken or matches(taken)) and not matches(left)


@dataclass(frozen=True)
class Account:
    """Where every parameter and buffer comes from. start: at its initial value. behind: only the checkpoint has it, or
    it was not asked for. accepted: constants that differ, and may. unknown: constants that the checkpoint does not say.
    """

    source: str
    taken: list[str]
    resized: list[str]
    start: list[str]
    behind: list[str]
    accepted: list[str]
    unknown: list[str]

    def lines(self) -> list[str]:
        told = {
            "taken": self.taken,
            "resized": self.resized,
            "left at their start": self.start,
            "left behind in it": self.behind,
            "different, as accepted": self.accepted,
            "not compared, as it does not say them": self.unknown,
        }
        return [f"init from {self.source}:"] + [f"  {what}: {_listed(names)}" for what, names in told.items() if names]

    def to_json(self) -> dict:
        return asdict(self)


def take(
    init: Init,
    saved: Checkpoint,
    method: Method,
    tokenizer: Tokenizer | None,
    initial: dict[str, np.ndarray],
    class_names: tuple[str, ...] = (),
) -> tuple[dict[str, np.ndarray], Account]:
    """`initial` with what `init` asks for of the checkpoint. UserError where it does not fit or means another thing.

    class_names: what the classes of this run's data are called, by number.
    """
    wanted = {name: tuple(item.shape) for name, item in method.declared().items()}
    for part in init.parts:
        if not any(fnmatchcase(name, part.removeprefix("!")) for name in wanted):
            raise nothing_matches("init.parts", part, list(wanted))
    again = _resized(init, saved, method, wanted)
    weights = {**saved.model, **again}
    if not init.parts:
        matching(weights, method, saved.folder)
    taken = [name for name in wanted if name in weights and init.asks(name)]
    if not taken:
        raise UserError(
            f"init takes nothing: {saved.folder} has none of the names that {', '.join(init.parts)} match; it has "
            f"{_listed(sorted(weights))}: correct init.parts or init.from"
        )
    _check_arrays(init, saved, weights, wanted, taken, method)
    accepted, unknown = _compared(init, saved, method, tokenizer, taken, class_names)
    start = [name for name in wanted if name not in taken]
    behind = sorted(saved.model.keys() - set(taken))
    as_it_is = [name for name in taken if name not in again]
    account = Account(str(saved.folder), as_it_is, sorted(again), start, behind, accepted, unknown)
    return {**initial, **{name: weights[name] for name in taken}}, account


def matching(weights: dict[str, np.ndarray], spec: Spec, folder) -> dict[str, np.ndarray]:
    """`weights` if they are those of this architecture, name by name and shape by shape; UserError otherwise."""
    wanted = {name: item.shape for name, item in spec.declared().items()}
    for name, shape in wanted.items():
        if name not in weights or weights[name].shape != tuple(shape):
            found = f"has {list(weights[name].shape)}" if name in weights else "does not have it"
            raise UserError(
                f"checkpoint {folder} is of another architecture: the config wants {name} {list(shape)}, the "
                f"checkpoint {found}; use the config it was trained with, or name what to take by init.parts"
            )
    left = sorted(set(weights) - set(wanted))
    if left:
        raise UserError(
            f"checkpoint {folder} is of another architecture: the config has no place for its {left[0]}"
            f"{f' and {len(left) - 1} more' if left[1:] else ''}; use the config it was trained with, or name what to "
            "take by init.parts"
        )
    return weights


def _resized(init: Init, saved: Checkpoint, method: Method, wanted: dict[str, tuple]) -> dict[str, np.ndarray]:
    """Positions of another grid, at the resolution that this run has."""
    grids = position_grids(method) if init.resize_positions else set()
    asked = {name: saved.model[name] for name in grids & saved.model.keys() if init.asks(name)}
    other = lambda array, shape: array.shape != shape and array.shape[1:] == shape[1:] and is_grid(len(array))
    return {name: resized(array, wanted[name][0]) for name, array in asked.items() if other(array, wanted[name])}


def _check_arrays(init, saved, weights, wanted, taken, method) -> None:
    for name in taken:
        if not np.isfinite(weights[name]).all():
            raise UserError(
                f"init: {name} holds numbers that are not finite in {saved.folder}; take another checkpoint, or "
                f'leave it out by "!{name}" in init.parts'
            )
        if weights[name].shape != wanted[name]:
            grid = name in position_grids(method) and not init.resize_positions
            what_to_do = "take init.resize_positions=true" if grid else f'leave it out by "!{name}" in init.parts'
            raise UserError(
                f"init: {name} has the shape {list(weights[name].shape)} in {saved.folder} and {list(wanted[name])} "
                f"here; {what_to_do}"
            )


def _compared(init, saved, method, tokenizer, taken, class_names) -> tuple[list[str], list[str]]:
    """The constants that differ as `accept` allows, and those that the checkpoint does not say."""
    of_classes = any(fnmatchcase(name, pattern) for name in taken for pattern in method.of_classes)
    parts = {name.split(".")[0] for name in taken}
    found = compare(saved.state, method, tokenizer, parts, class_names if of_classes else None)
    for name in init.accept:
        if name not in found.names:
            raise UserError(f"init.accept names {name!r}, which is not compared; compared are {', '.join(found.names)}")
    refused = {name: pair for name, pair in found.differing.items() if name not in init.accept}
    if refused:
        said = "; ".join(f"{name} is {theirs!r} there and {ours!r} here" for name, (theirs, ours) in refused.items())
        raise UserError(
            f"init: the weights of {saved.folder} were trained with other constants: {said}; set them as they are "
            f"there, or allow it with init.accept=[{', '.join(refused)}]"
        )
    return [name for name in found.differing if name in init.accept], found.unknown


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)} ({', '.join(names[:SHOWN])}{more})"
