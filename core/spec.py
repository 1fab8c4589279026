"""Spec, Parameter, Buffer, Scope: how a definition names its weights and finds what it needs.

A spec is a frozen dataclass that knows its parameters and its forward. It holds no weights and no engine: the same
object runs on torch, MindSpore, numpy and the recorder, whichever `ops` and arrays it is called with.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Protocol

import numpy as np

from tandemclip.core.ops import Array, Ops
from tandemclip.core.precision import exact
from tandemclip.core.random import generator


# ------------------------------------------------------------------ what a spec declares
@dataclass(frozen=True)
class Constant:
    value: float

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return np.full(shape, self.value, np.float32)


@dataclass(frozen=True)
class Normal:
    std: float

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return (rng.standard_normal(shape) * self.std).astype(np.float32)


@dataclass(frozen=True)
class Uniform:
    bound: float  # in [-bound, bound]

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return rng.uniform(-self.bound, self.bound, shape).astype(np.float32)


@dataclass(frozen=True)
class Directions:
    """Rows of length 1, each direction as likely as any other."""

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        rows = rng.standard_normal(shape)
        return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


Initial = Constant | Normal | Uniform | Directions


@dataclass(frozen=True)
class Parameter:
    """minimum, maximum: what it is clamped to after every update. key: the name that it is drawn under, where that is
    not its own: a parameter that was renamed starts as before.
    """

    shape: tuple[int, ...]
    initial: Initial
    trainable: bool = True
    minimum: float | None = None
    maximum: float | None = None
    key: str | None = None

    @property
    def decays(self) -> bool:
        """Weight decay takes matrices and kernels; biases, norms, single tokens and scalars are left alone (CLIP)."""
        return len(self.shape) >= 2


@dataclass(frozen=True)
class Buffer:
    """State that a pass writes and no gradient reaches: statistics of a BatchNorm, a queue of features.

    What `encode` writes is averaged over the ranks. What `loss` writes comes of everybody's features, and is equal on
    all.
    """

    shape: tuple[int, ...]
    initial: Initial


# ------------------------------------------------------------------ what a spec is
class Spec:
    """Base of every definition. Subclasses are frozen dataclasses that write `forward` and what they own.

    draws: how many uniform numbers one pass in training takes for a sample; `p.draw` gives them.
    """

    draws = 0

    def parameters(self) -> dict[str, Parameter]:
        return {}

    def buffers(self) -> dict[str, Buffer]:
        return {}

    def children(self) -> dict[str, "Spec"]:
        """Sub-specs by name. A name may hold a dot and a number ("blocks.3") and is then found by `p.child`."""
        return {}

    def forward(self, ops: Ops, p: "Scope", *inputs: Any, **options: Any) -> Any:
        raise TypeError(f"{type(self).__name__} defines no forward")

    def __call__(self, ops: Ops, p: "Scope", *inputs: Any, **options: Any) -> Any:
        """Final: the one place that every node passes through."""
        return p.run.visit(p.path, partial(self.forward, ops, p, **options), inputs)

    @cached_property
    def nodes(self) -> dict[str, "Spec"]:
        children = self.children()
        if hidden := SCOPE_NAMES & children.keys():
            raise TypeError(
                f"{type(self).__name__} has a child {min(hidden)!r}, which is a scope's own name; rename it"
            )
        return children

    def all_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """(dotted name, Parameter) of this spec and everything below it, in a fixed order."""
        yield from ((prefix + name, parameter) for name, parameter in self.parameters().items())
        for name, child in self.nodes.items():
            yield from child.all_parameters(f"{prefix}{name}.")

    def all_buffers(self, prefix: str = "") -> Iterator[tuple[str, Buffer]]:
        yield from ((prefix + name, buffer) for name, buffer in self.buffers().items())
        for name, child in self.nodes.items():
            yield from child.all_buffers(f"{prefix}{name}.")

    @property
    def any_draws(self) -> bool:
        """Whether this spec, or anything below it, takes random numbers in training."""
        return self.draws > 0 or any(child.any_draws for child in self.nodes.values())

    def declared(self) -> dict[str, Parameter | Buffer]:
        """Everything below by its dotted name: parameters, then buffers."""
        return {**dict(self.all_parameters()), **dict(self.all_buffers())}


def initial_weights(spec: Spec, seed: int) -> dict[str, np.ndarray]:
    """Parameters and buffers by dotted name, float32, each drawn from its own (seed, name): the same on every
    engine.
    """
    keys = {name: item.key or name for name, item in spec.all_parameters()}
    draw = lambda name, item: item.initial.draw(generator(seed, "initial", keys.get(name, name)), item.shape)
    return {name: draw(name, item) for name, item in spec.declared().items()}


def count_parameters(spec: Spec) -> int:
    return sum(int(np.prod(parameter.shape)) for _, parameter in spec.all_parameters())


# ------------------------------------------------------------------ what a spec sees while it runs
class Watch(Protocol):
    """Sees every node of a run: the parity tool, the recorder, Grad-CAM."""

    def enter(self, path: str) -> None: ...

    def leave(self, path: str, output: Any) -> None: ...


class Notes:
    """A watch that keeps the arrays (of type `kind`) that every node gave, in the order of the visits.

    A tuple's elements are entries of their own: the second map of `image.stages` is `image.stages[1]`.
    """

    def __init__(self, kind):
        self.kind, self.nodes = kind, {}

    def enter(self, path):
        pass

    def leave(self, path, output):
        if isinstance(output, self.kind):
            self.nodes.setdefault(path, []).append(output)
        elif isinstance(output, tuple):
            for i, item in enumerate(output):
                self.leave(f"{path}[{i}]", item)


class Draws:
    """Uniform numbers in [0, 1) of each sample, handed out in the order in which layers ask for them.

    array: [B, columns], which `core/data/views/draws.py` drew on the host from the sample's own seed.
    """

    def __init__(self, array: Array):
        self.array, self.place = array, 0

    def take(self, ops: Ops, rows: int, count: int) -> Array:
        """-> [rows, count]. rows: the samples, or several views of them laid end to end: row v * samples + s is of
        sample s. In any other order a batch in pieces would draw other numbers.
        """
        samples, columns = self.array.shape
        views = rows // samples
        if rows != views * samples:
            raise ValueError(f"{rows} rows draw numbers, expected one or several for each of {samples} samples")
        start, self.place = self.place, self.place + views * count
        if self.place > columns:
            raise ValueError(f"{self.place} random numbers a sample are asked for, and {columns} were drawn")
        taken = self.array[:, start : self.place]
        if views == 1:
            return taken
        return ops.reshape(ops.transpose(ops.reshape(taken, (samples, views, count)), (1, 0, 2)), (rows, count))


@dataclass
class Run:
    """One pass: the arrays by name, what of it trains, and what it writes.

    training: of everything, or of a node by its path: a frozen part runs as at inference. draws: the samples' random
    numbers. probes: {(path, visit): zeros}, each added to what that node gives at that visit (counted from 0); the
    gradient by a probe is the gradient by the node's output.
    """

    ops: Ops
    arrays: dict[str, Array]
    training: bool | Callable[[str], bool]
    updates: dict[str, Array] = field(default_factory=dict)  # buffers written by this pass
    watch: Watch | None = None
    draws: Draws | None = None
    probes: dict[tuple[str, int], Array] = field(default_factory=dict)
    visits: dict[str, int] = field(default_factory=dict)  # how often each node was entered, where there are probes

    def visit(self, path: str, forward: Callable[..., Any], inputs: tuple[Any, ...]) -> Any:
        if self.watch is not None:
            self.watch.enter(path)
        try:
            output = forward(*inputs)
        except Exception as error:
            if not getattr(error, "__notes__", None):  # the innermost node names itself, the outer ones keep quiet
                shapes = [tuple(x.shape) for x in inputs if hasattr(x, "shape")]
                error.add_note(f"in {path or 'the root'}, whose inputs have the shapes {shapes}")
            raise
        if self.probes:
            output = self._probed(path, output)
        if self.watch is not None:
            self.watch.leave(path, output)
        return output

    def _probed(self, path, output):
        visit = self.visits.get(path, 0)
        self.visits[path] = visit + 1
        probe = self.probes.get((path, visit))
        if probe is not None and isinstance(output, tuple):
            raise ValueError(f"{path} gives {len(output)} arrays, and a probe is added to one; name a node below it")
        return output if probe is None else output + probe


class Scope:
    """A spec bound to a run: `p["weight"]` is a parameter or buffer, `p.child_name(x)` calls a child.

    A spec with several ways in (the ROI path of an image tower) is called by the name of the method:
    `p.image.encode_rois(rois, mask)`.
    """

    def __init__(self, spec: Spec, run: Run, path: str = ""):
        self.spec, self.run, self.path = spec, run, path

    def _full(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def __getitem__(self, name: str) -> Array:
        full = self._full(name)
        written = self.run.updates.get(full)  # reading after writing in the same step gives the new value
        return self.run.arrays[full] if written is None else written

    def update(self, buffer: str, value: Array) -> None:
        """Without gradient, for a batch in pieces could carry none back through a buffer; float in any precision."""
        ops = self.run.ops
        self.run.updates[self._full(buffer)] = ops.stop_gradient(ops.widen(value))

    @property
    def training(self) -> bool:
        training = self.run.training
        return training if isinstance(training, bool) else training(self.path)

    def draw(self, rows: int) -> Array:
        """[rows, draws], uniform in [0, 1): the numbers that this layer declares. rows: of what it was given."""
        if self.run.draws is None:
            raise ValueError("this layer draws random numbers in training, and the run was given none (Run.draws)")
        return self.run.draws.take(self.run.ops, rows, self.spec.draws)

    def child(self, name: str) -> "Scope":
        return Scope(self.spec.nodes[name], self.run, self._full(name))

    def exact(self) -> "Scope":
        """The same, computed in the engine's own float throughout (core/precision.py)."""
        return Scope(self.spec, replace(self.run, ops=exact(self.run.ops)), self.path)

    def __getattr__(self, name: str) -> Any:
        if name in self.spec.nodes:
            return self.child(name)
        method = getattr(type(self.spec), name, None)
        if method is None:
            raise AttributeError(f"{type(self.spec).__name__} has no child or method {name!r}: {list(self.spec.nodes)}")
        entry = partial(method, self.spec, self.run.ops, self)
        return lambda *inputs, **options: self.run.visit(self._full(name), partial(entry, **options), inputs)

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        return self.spec(self.run.ops, self, *inputs, **options)


# `p.update` is the scope's own, whatever children a spec has
SCOPE_NAMES = {"spec", "run", "path", *(name for name in vars(Scope) if not name.startswith("_"))}
