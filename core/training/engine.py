"""What the trainer, the evaluation and the parity tool ask of an engine."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from tandemclip.core.data.views.view import View
from tandemclip.core.errors import UserError
from tandemclip.core.methods.features import Elapsed
from tandemclip.core.methods.method import Method
from tandemclip.core.ops import Array, Ops
from tandemclip.core.training.ranks import Ranks
from tandemclip.core.training.tuning import Tuning
from tandemclip.core.training.update import Group

Arrays = dict[str, np.ndarray]


@dataclass
class Backward:
    """A batch's terms and gradients before anything was changed, the last ones in the engine's own arrays.

    scale: what the gradients are multiplied by; `update` and `named_gradients` take it out, `norm` has it no more.
    """

    terms: dict[str, float]
    norm: float  # L2 norm of all gradients together
    gradients: Any
    statistics: Any  # buffers as this pass leaves them
    scale: float = 1.0


@dataclass
class Encoded:
    """A piece of a batch after the towers. again: what `pull_back` needs to encode it once more; None: the graph was
    kept.
    """

    features: dict[str, Array]  # Features.arrays
    statistics: dict[str, Array]  # buffers as this pass leaves them
    again: Any = None


@dataclass
class Differentiated:
    """A loss and its gradients: those of scale x loss.

    gradients: by name, of the weights that the loss itself uses: zeros for all others would be as large as the model.
    cotangents: d loss / d features, of the float ones. written: buffers that the loss wrote.
    """

    terms: dict[str, Array]
    gradients: dict[str, Array]
    cotangents: dict[str, Array]
    written: dict[str, Array]


@dataclass(frozen=True)
class Capabilities:
    """What an engine can do, said by itself.

    float64: `Engine.float64` makes one that computes in it, a judge of gradients. compiles: a first step takes longer,
    and shapes may not change from step to step without compiling again (`fixed_shapes`). keeps_graph: a piece need not
    be encoded again for its gradient. precisions: those of core/precision.py on the device that it uses. collectives:
    it can be one rank of several. exports: file formats that it writes.
    """

    float64: bool
    compiles: bool
    fixed_shapes: bool
    keeps_graph: bool
    precisions: tuple[str, ...]
    collectives: bool
    exports: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rates:
    """The scalars of one update. factor: of the gradient, for clipping.

    later: {`Group.frozen_for`: both corrections} of the groups that began to train later than the run.
    """

    learning_rate: float
    correction1: float
    correction2: float
    factor: float = 1.0
    later: Mapping[float, tuple[float, float]] = field(default_factory=dict)

    def corrections(self, group: Group) -> tuple[float, float]:
        return self.later.get(group.frozen_for, (self.correction1, self.correction2))


class Engine(Protocol):
    """A method with its weights on one engine. Arrays that go in and come out are the host's, but for those of
    `Encoded` and `Differentiated`.

    views: what the data pipeline hands over in training: the method's, and the random numbers that its layers draw.
    """

    ops: Ops
    ranks: Ranks
    method: Method
    views: dict[str, View]
    capabilities: Capabilities
    training: bool | Callable[[str], bool]  # Run.training of a step: what `Tuning` leaves in training

    def backward(self, batch: Arrays, elapsed: Elapsed, scale: float = 1.0) -> Backward:
        """Of a whole batch on one rank, in one program; `global_batch.backward` is the general one."""

    # ---- a batch in pieces, see global_batch.py
    def encode(self, piece: Arrays, statistics: dict[str, Array], keep: bool) -> Encoded:
        """statistics: buffers that earlier pieces wrote. keep: hold what a gradient needs, where the engine can."""

    def differentiate(
        self,
        features: dict[str, Array],
        elapsed: Elapsed,
        *,
        count: int,
        rows: tuple[int, int] | None,
        statistics: dict[str, Array],
        scale: float,
    ) -> Differentiated:
        """features: as `Features.of` takes them, with `count` and `rows`. statistics: buffers as encoding left them."""

    def to_host(self, array: Array) -> np.ndarray: ...

    def pull_back(self, encoded: Encoded, cotangents: dict[str, Array]) -> dict[str, Array]:
        """The gradient by name of the weights that the features use, from d loss / d features of this piece."""

    def flatten(self, gradients: dict[str, Array]) -> list[Array]:
        """A vector for each group of parameters, zeros where a weight has no gradient."""

    def collect(
        self, terms: dict[str, Array], gradients: list[Array], statistics: dict[str, Array], scale: float
    ) -> Backward: ...

    def update(self, backward: Backward, rates: Rates) -> float:
        """Change weights, moments and buffers; returns the L2 norm of the change of the weights."""

    def named_gradients(self, backward: Backward) -> Arrays: ...

    def with_gradients(self, gradients: Arrays) -> Backward:
        """Given gradients in the engine's form, for an update alone."""

    def weights(self) -> Arrays:
        """Parameters and buffers by name, float32."""

    def moments(self) -> Arrays:
        """What the update rule remembers of every parameter that trains, by the rule's names: "first.NAME", and the
        average of the weights, "ema.NAME", where one is kept."""

    def load(self, weights: Arrays, moments: Arrays | None = None) -> None:
        """Take over weights, and what `moments` gave; None: as at the start, zeros and the weights as their average."""

    def lay_out(self, tuning: Tuning) -> None:
        """Train by this tuning from here on. Weights stay, and nothing is remembered; `phases.enter` keeps what is."""

    def exchange_average(self) -> None:
        """Let the weights and their average change places; called again, it takes that back."""

    def apply(self, method: str, *arrays: np.ndarray) -> np.ndarray:
        """A function of the method from arrays to one, e.g. "encode_grid", at inference: by running statistics."""

    def encode_image(self, images: np.ndarray) -> np.ndarray:
        """[B, 3, H, W] -> [B, embed_dim], unit rows, running statistics."""

    def encode_text(self, ids: np.ndarray) -> np.ndarray: ...

    def observe(self, batch: Arrays, elapsed: Elapsed) -> dict[str, list[np.ndarray]]:
        """A training-mode forward without an update: every node's outputs, in the order of the visits."""

    def node_gradients(
        self, method: str, arrays: tuple[np.ndarray, ...], nodes: tuple[tuple[str, int], ...]
    ) -> dict[tuple[str, int], tuple[np.ndarray, np.ndarray]]:
        """{(path, visit): (what the node gave, the gradient by it)} at inference; visits count from 0.

        What is differentiated is the sum of what `method` (a function of the method's, e.g. "encode_image") gives of
        `arrays`. UserError for a node that gives no array there (`not_visited`).
        """

    def prepare_update(self, backward: Backward) -> None:
        """Compile the update; changes nothing."""


def not_visited(node: tuple[str, int], visits: Mapping[str, int]) -> UserError:
    """What to raise for a node that `Engine.node_gradients` is asked for. visits: how often each gave an array."""
    path, visit = node
    if path in visits:
        return UserError(f"the node {path} gives {visits[path]} arrays, and number {visit + 1} is asked for")
    near = difflib.get_close_matches(path, visits, 3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join([*visits][:8])} ..."
    return UserError(f"no node {path!r} gives an array: {hint}")
