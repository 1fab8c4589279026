"""One call of the vocabulary by itself, run as an engine runs a model: compiled where it compiles."""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tandemclip.core.random import generator
from tandemclip.core.spec import Parameter, Spec, initial_weights
from tandemclip.core.training.update import AdamW

PYTHON = {
    "add": "add",
    "subtract": "sub",
    "multiply": "mul",
    "divide": "truediv",
    "negative": "neg",
    "getitem": "getitem",
}
NOTHING = np.zeros(1, np.float32)


@dataclass(frozen=True)
class Given:
    """An array among the arguments: "float", "int" or "bool"."""

    shape: tuple[int, ...]
    kind: str = "float"

    def __str__(self) -> str:
        return "×".join(map(str, self.shape)) or "scalar"


@dataclass(frozen=True)
class Positive:
    """Between 0.5 and 1: roots and logarithms of anything else would be timed on NaN."""

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return rng.uniform(0.5, 1.0, shape).astype(np.float32)


@dataclass(frozen=True)
class OneCall(Spec):
    """arguments: in the order of the function's signature, arrays as `Given`, anything else as it is."""

    function: str
    arguments: tuple

    @classmethod
    def of(cls, call) -> "OneCall":
        """From a call that the recorder wrote down."""
        return cls(
            call.function, _replaced(call.arguments, lambda x: hasattr(x, "kind"), lambda x: Given(x.shape, x.kind))
        )

    def arrays(self) -> list[Given]:
        found: list[Given] = []
        _replaced(self.arguments, lambda x: isinstance(x, Given), found.append)
        return found

    def __str__(self) -> str:
        return f"{self.function} {', '.join(map(str, self.arrays()))}"

    def parameters(self):
        fixed = partial(Parameter, initial=Positive(), trainable=False)
        floats = {f"x{i}": fixed(given.shape) for i, given in enumerate(self.arrays()) if given.kind == "float"}
        return {"unused": fixed(()), **floats}  # a torch model without any parameter has no device

    def result(self, ops, p, _):
        """A scalar that needs the call: one element, so that the result itself need not be brought to the host."""
        arrays = iter([self._array(ops, p, i, given) for i, given in enumerate(self.arrays())])
        arguments = _replaced(self.arguments, lambda x: isinstance(x, Given), lambda _: next(arrays))
        function = getattr(operator, PYTHON[self.function]) if self.function in PYTHON else getattr(ops, self.function)
        array = function(*arguments)
        array = array[0] if isinstance(array, tuple) else array
        return ops.cast(array[(0,) * len(array.shape)] if array.shape else array, "float")

    def _array(self, ops, p, i, given):
        if given.kind == "float":
            return p[f"x{i}"]
        below = self.arrays()[0].shape[0] if self.function == "take" else 2
        numbers = generator("one call", i).integers(below, size=given.shape)
        return ops.constant(numbers.astype(bool if given.kind == "bool" else np.int32))


def _replaced(argument: Any, matches: Callable[[Any], bool], change: Callable[[Any], Any]) -> Any:
    """The same with every array changed, also within tuples."""
    if isinstance(argument, (tuple, list)):
        return tuple(_replaced(item, matches, change) for item in argument)
    return change(argument) if matches(argument) else argument


def ready(engine_class, call: OneCall) -> Callable[[], np.ndarray]:
    """What makes the call, compiled by a first one."""
    again = partial(engine_class(call, initial_weights(call, 0), AdamW()).apply, "result", NOTHING)
    again()
    return again
