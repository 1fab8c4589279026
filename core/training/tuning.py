"""Which parameters train, how fast, and which parts run as at inference: by patterns over dotted names."""

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Annotated

from annotated_types import Ge, Predicate

from tandemclip.core.bounds import NotNegative, Positive, share_or_whole
from tandemclip.core.errors import UserError
from tandemclip.core.spec import Spec
from tandemclip.core.training.layer_decay import layer_rates
from tandemclip.core.training.update import Group, UpdateRule


@dataclass(frozen=True)
class Pattern:
    """What holds for the parameters whose dotted names match.

    match: a pattern, as `fnmatch` has it: "image.*", "*.blocks.[0-3].*". rate: a factor of the learning rate; to keep
    weights as they are take `frozen`. decay: in place of the update rule's, for parameters that decay at all. frozen:
    no gradient, nothing remembered, no update; the part runs as at inference. frozen_for: frozen at first, for a share
    of all steps below 1, or a number of steps; from then on it trains as the others do, by the same schedule.
    """

    match: str
    rate: Positive = 1.0
    decay: NotNegative | None = None
    frozen: bool = False
    frozen_for: Annotated[float, Ge(0), Predicate(share_or_whole)] = 0.0

    def __post_init__(self):
        if self.frozen and self.frozen_for:
            raise UserError(
                f"training.groups: {self.match!r} is frozen, and frozen_for is {self.frozen_for:g}; give one of the two"
            )

    def waits(self, steps: int) -> int:
        """How many of a run's steps it is frozen for at first."""
        return int(self.frozen_for) if self.frozen_for >= 1 else round(self.frozen_for * steps)


@dataclass(frozen=True)
class Tuning:
    """patterns: of each name the first that matches holds. evaluated: parts that run as at inference though they
    train: BatchNorms by their running statistics, no drop path (MMDetection's norm_eval). average: `Training.ema`.
    layer_decay: `Training.layer_decay`. begun: the values of `Pattern.frozen_for` that are over.
    """

    patterns: tuple[Pattern, ...] = ()
    evaluated: tuple[str, ...] = ()
    average: float | None = None
    layer_decay: float = 1.0
    begun: frozenset[float] = frozenset()

    def with_begun(self, begun: Iterable[float]) -> "Tuning":
        return replace(self, begun=self.begun | {each for each in begun if each})

    @property
    def whole(self) -> "Tuning":
        """When all has begun to train that ever will."""
        return self.with_begun(pattern.frozen_for for pattern in self.patterns)

    def phases(self, steps: int) -> dict[str, "Tuning"]:
        """What trains from which step on, each under a name; one phase, "", where nothing begins later."""
        ends = sorted({pattern.waits(steps) for pattern in self.patterns} | {0})
        over = lambda end: (pattern.frozen_for for pattern in self.patterns if pattern.waits(steps) <= end)
        return {f"from step {end + 1} on" if ends[1:] else "": self.with_begun(over(end)) for end in ends}

    def groups(self, spec: Spec, rule: UpdateRule) -> list[Group]:
        """The parameters of a spec that train, those that decay first, equal rates and decays together."""
        assigned, by_layer, found = self._assigned(spec), layer_rates(spec, self.layer_decay), {}
        for name, parameter in spec.all_parameters():
            pattern = assigned.get(name, ALL)
            if parameter.trainable and not self._is_frozen(pattern):
                decay = rule.decay if pattern.decay is None else pattern.decay
                rate = pattern.rate * by_layer.get(name, 1.0)
                key = (parameter.decays, rate, decay if parameter.decays else 0.0, pattern.frozen_for)
                found.setdefault(key, {})[name] = parameter
        ordered = sorted(found, key=lambda key: not key[0])  # stable: else in the order in which the spec has them
        return [Group(found[key], key[2], key[1], self.average, key[3]) for key in ordered]

    def training(self, spec: Spec) -> bool | Callable[[str], bool]:
        """`Run.training` of a step: a node is in training where any parameter in it trains and is not `evaluated`.

        A node without parameters (a drop path) is a part of the node above it.
        """
        names = {name: p.trainable for name, p in spec.all_parameters()}
        self._check_evaluated(list(names))
        frozen = {name for name, pattern in self._assigned(spec).items() if self._is_frozen(pattern)}
        trains = [name for name, own in names.items() if own and name not in frozen and not self._is_evaluated(name)]
        return True if len(trains) == len(names) else Nodes(_above(names), _above(trains))

    def check(self, spec: Spec) -> None:
        """UserError for a pattern that holds for no parameter of this spec, and where none is left to train."""
        assigned = self._assigned(spec)
        self._check_evaluated([name for name, _ in spec.all_parameters()])
        if not any(p.trainable and not self._is_frozen(assigned.get(name, ALL)) for name, p in spec.all_parameters()):
            raise UserError("training.groups freezes every parameter at first; leave some of them to train")

    def _is_frozen(self, pattern: Pattern) -> bool:
        return pattern.frozen or (pattern.frozen_for > 0 and pattern.frozen_for not in self.begun)

    def _is_evaluated(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self.evaluated)

    def _assigned(self, spec: Spec) -> dict[str, Pattern]:
        """{name: the pattern that holds for it}, of the names that any matches."""
        names = [name for name, _ in spec.all_parameters()]
        assigned = {}
        for pattern in self.patterns:
            matching = [name for name in names if fnmatchcase(name, pattern.match)]
            if not matching:
                raise nothing_matches("training.groups", pattern.match, names)
            new = [name for name in matching if name not in assigned]
            if not new:
                raise UserError(
                    f"training.groups: all that {pattern.match!r} matches ({matching[0]} ...) is matched by an earlier "
                    "pattern, and the first one holds; put it before that one, or leave it out"
                )
            assigned.update(dict.fromkeys(new, pattern))
        return assigned

    def _check_evaluated(self, names: list[str]) -> None:
        for pattern in self.evaluated:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise nothing_matches("training.evaluated", pattern, names)


ALL = Pattern("*")


@dataclass(frozen=True)
class Nodes:
    """path -> whether the node trains. known: nodes with parameters in them. trains: those where any of them trains."""

    known: frozenset[str]
    trains: frozenset[str]

    def __call__(self, path: str) -> bool:
        while path and path not in self.known:
            path = path.rpartition(".")[0]
        return path in self.trains


def _above(names: Iterable[str]) -> frozenset[str]:
    """All nodes that these parameters lie in, the root ("") among them."""
    nodes = set()
    for name in names:
        parts = name.split(".")
        nodes |= {".".join(parts[:depth]) for depth in range(len(parts))}
    return frozenset(nodes)


def nothing_matches(where: str, pattern: str, names: list[str]) -> UserError:
    """The error of a pattern that matches none of these names, with those that are near to it."""
    candidates = sorted({*names, *_above(names)} - {""})
    near = difflib.get_close_matches(pattern.removesuffix(".*"), candidates, 3, 0.4) or names[:3]
    return UserError(f"{where}: {pattern!r} matches no parameter; near it are {', '.join(near)}: correct it")
