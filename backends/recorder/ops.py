"""The recorder: an interpreter that computes nothing and writes down what a spec asks for."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from tandemclip.backends.recorder import flops, shapes
from tandemclip.core.ops import FUNCTIONS, Ops
from tandemclip.core.spec import Notes


@dataclass(frozen=True, eq=False)
class Symbol:
    """An array that has a name, a shape and a kind ("float", "int", "bool"), and no values."""

    recorder: "Recorder"
    name: str
    shape: tuple[int, ...]
    kind: str

    __array_ufunc__ = None  # numpy leaves `host array * symbol` to the rules here, which refuse it

    def _operator(name, swapped=False):
        def apply(self, other):
            return self.recorder.call(name, (other, self) if swapped else (self, other))

        return apply

    __add__, __radd__ = _operator("add"), _operator("add", True)
    __sub__, __rsub__ = _operator("subtract"), _operator("subtract", True)
    __mul__, __rmul__ = _operator("multiply"), _operator("multiply", True)
    __truediv__, __rtruediv__ = _operator("divide"), _operator("divide", True)

    def __neg__(self):
        return self.recorder.call("negative", (self,))

    def __getitem__(self, index):
        return self.recorder.call("getitem", (self, index if isinstance(index, tuple) else (index,)))


@dataclass(frozen=True)
class Call:
    function: str
    arguments: tuple  # symbols, numbers, strings, None, tuples of these: in the order of the function's signature
    outputs: tuple[Symbol, ...]
    node: str  # the spec that asked for it
    flops: int


def symbols_in(arguments: tuple | list) -> Iterator[Symbol]:
    """Of a call's arguments; `concat` and `stack` take several in one."""
    for item in arguments:
        if isinstance(item, Symbol):
            yield item
        elif isinstance(item, (tuple, list)):
            yield from symbols_in(item)


@dataclass
class Program:
    """Straight-line: symbols in, calls, symbols out. `constants` are host arrays that some call takes."""

    inputs: dict[str, Symbol] = field(default_factory=dict)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)


class Recorder:
    """An interpreter and a watch: calls are noted with the node they were made in."""

    def __init__(self):
        self.program, self._path, self._notes = Program(), [""], Notes(Symbol)

    @property
    def nodes(self):
        return self._notes.nodes

    def input(self, name, shape, kind):
        if name in self.program.inputs:  # programs take their inputs by name: one would silently stand for the other
            raise ValueError(f"two inputs are called {name!r}: parameters, views, numbers of the step; rename one")
        symbol = Symbol(self, f"i{len(self.program.inputs)}", tuple(shape), kind)
        self.program.inputs[name] = symbol
        return symbol

    def constant(self, value):
        value = np.asarray(value)
        name = f"c{len(self.program.constants)}"
        self.program.constants[name] = value
        return Symbol(self, name, value.shape, {"f": "float", "i": "int", "b": "bool"}[value.dtype.kind])

    def call(self, function, arguments):
        result = getattr(shapes, function)(*arguments)
        many = isinstance(result[0][0], tuple) if result[0] else False
        outputs = tuple(
            Symbol(self, f"v{len(self.program.calls)}_{i}", tuple(int(n) for n in shape), kind)
            for i, (shape, kind) in enumerate(result if many else (result,))
        )
        count = getattr(flops, function, None)
        cost = count(outputs[0], *arguments) if count else 0
        self.program.calls.append(Call(function, tuple(arguments), outputs, self._path[-1], cost))
        return outputs if many else outputs[0]

    # ---- a watch (core.spec.Watch)
    def enter(self, path):
        self._path.append(path)

    def leave(self, path, output):
        self._path.pop()
        self._notes.leave(path, output)


def _recording(name):
    signature = inspect.signature(getattr(Ops, name))

    def function(self, *args, **kwargs):
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        return self.call(name, tuple(bound.arguments.values())[1:])

    function.__name__, function.__signature__ = name, signature
    return function


for _name in FUNCTIONS:
    if _name != "constant":
        setattr(Recorder, _name, _recording(_name))
