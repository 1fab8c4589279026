"""Programs that run at any batch: one definition, recorded at two numbers of samples, laid side by side.

What differs between the two is the batch: axes of arrays, and the sizes that `reshape` and `broadcast_to` are given.
Anything else that differs, the number of calls, a constant, a factor, ties the program to its batch and is refused.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np

from tandemclip.backends.recorder.ops import Call, Program, Symbol, symbols_in
from tandemclip.backends.recorder.record import Recording
from tandemclip.core.errors import UserError

FEW, MORE = 2, 3  # samples; 1 would hide what broadcasts
SIZED = ("reshape", "broadcast_to")  # functions whose second argument is a shape


@dataclass(frozen=True)
class Samples:
    """A size that is `times` the number of samples."""

    times: int

    def at(self, batch: int) -> int:
        return self.times * batch


def free_batch(record_at: Callable[[int], Recording]) -> Recording:
    """The recording whose shapes, FLOPs and sizes are numbers or `Samples`.

    record_at: records at a number of samples, which every input of the batch has as its first axis.
    Raises UserError, naming the node, where the program depends on the batch in another way.
    """
    few, more = record_at(FEW), record_at(MORE)
    inputs = _symbols(few.program.inputs, more.program.inputs)
    program = Program(inputs, _constants(few.program, more.program), _calls(few.program, more.program))
    nodes = {
        path: [_symbol(a, b, path) for a, b in zip(seen, more.nodes[path], strict=True)]
        for path, seen in few.nodes.items()
    }
    return Recording(
        program, _symbols(few.outputs, more.outputs), _symbols(few.updates, more.updates), nodes, few.drawn
    )


def filled(argument, batch: int):
    """An argument or a shape with every `Samples` in it as the number that it is at this batch."""
    if isinstance(argument, (tuple, list)):
        return tuple(filled(item, batch) for item in argument)
    return argument.at(batch) if isinstance(argument, Samples) else argument


def _symbols(few, more):
    if list(few) != list(more):
        raise _refusal(f"the names {sorted(set(few) ^ set(more))} are there at one batch and not at another")
    return {name: _symbol(symbol, more[name], name) for name, symbol in few.items()}


def _constants(few, more):
    for name, value in few.constants.items():
        other = more.constants.get(name)
        if other is None or not np.array_equal(value, other):
            node = next((c.node for c in few.calls if any(name == x.name for x in symbols_in(c.arguments))), "")
            raise _refusal("a constant depends on the batch", node)
    return few.constants


def _calls(few, more):
    for a, b in zip_longest(few.calls, more.calls):
        if a is None or b is None or (a.function, a.node) != (b.function, b.node):
            raise _refusal("other functions are called at another batch", (a or b).node)
    return [_call(a, b) for a, b in zip(few.calls, more.calls)]


def _call(a, b):
    shape = 1 if a.function in SIZED else None
    arguments = tuple(_argument(a, x, y, i == shape) for i, (x, y) in enumerate(zip(a.arguments, b.arguments)))
    outputs = tuple(_symbol(x, y, a.node) for x, y in zip(a.outputs, b.outputs, strict=True))
    return Call(a.function, arguments, outputs, a.node, _size(a.flops, b.flops, a.node))


def _argument(call, a, b, sized):
    if isinstance(a, Symbol) and isinstance(b, Symbol) and a.name == b.name:
        return _symbol(a, b, call.node)
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)) and len(a) == len(b):
        return tuple(_argument(call, x, y, sized) for x, y in zip(a, b))
    if sized:
        return _size(a, b, call.node)
    if type(a) is type(b) and a == b:
        return a
    told = " and ".join(f"{_told(x)} at a batch of {batch}" for x, batch in ((a, FEW), (b, MORE)))
    raise _refusal(f"{call.function} is given {told}", call.node)


def _told(argument):
    """A list of symbols by its length: their own texts are long."""
    return f"{len(argument)} arrays" if isinstance(argument, (tuple, list)) else str(argument)


def _symbol(a, b, place):
    return replace(a, shape=tuple(_size(m, n, place) for m, n in zip(a.shape, b.shape, strict=True)))


def _size(a, b, place):
    if a == b:
        return a
    if a % FEW or b != a // FEW * MORE:
        raise _refusal(f"a size is {a} at a batch of {FEW} and {b} at {MORE}, which is no multiple of it", place)
    return Samples(a // FEW)


def _refusal(what, place=""):
    advice = "such a program runs at one batch only: record it at the one that is wanted"
    return UserError(f"{place or 'the root'}: {what}; {advice}")
