"""Record a method's training step or a tower's inference as a program."""

from dataclasses import dataclass

from tandemclip.backends.recorder.ops import Program, Recorder, Symbol
from tandemclip.core.methods.method import Features
from tandemclip.core.precision import mixed
from tandemclip.core.spec import Run, Scope

KINDS = {"float32": "float", "int32": "int", "int64": "int", "bool": "bool"}


class Declared(dict):
    """Parameters and buffers of a spec as symbols, made when first asked for: what is not used is no input."""

    def __init__(self, recorder, spec):
        super().__init__()
        self.recorder = recorder
        self.shapes = {n: item.shape for n, item in spec.declared().items()}

    def __missing__(self, name):
        self[name] = self.recorder.input(name, self.shapes[name], "float")
        return self[name]


@dataclass
class Recording:
    """A program with what it gives: named outputs, written buffers, and every node's outputs in the order of visits."""

    program: Program
    outputs: dict[str, Symbol]
    updates: dict[str, Symbol]
    nodes: dict[str, list[Symbol]]


def record(spec, arrays, training, function, precision="fp32"):
    """Run `function(ops, scope, symbols)` on symbols for `arrays` {name: (shape, dtype)}."""
    recorder = Recorder()
    run = Run(mixed(recorder, precision), Declared(recorder, spec), training, watch=recorder)
    symbols = {name: recorder.input(name, shape, KINDS[str(dtype)]) for name, (shape, dtype) in arrays.items()}
    scope = Scope(spec, run)
    outputs = function(recorder, scope, symbols)
    return Recording(recorder.program, outputs, run.updates, recorder.nodes)


def record_step(method, arrays, precision="fp32"):
    """The training step's forward: terms of one batch; arrays {name: (shape, dtype)} of the batch."""

    def step(ops, scope, symbols):
        progress = ops.input("progress", (), "float")
        return scope(symbols, progress)

    return record(method, arrays, True, step, precision)


def record_features(method, arrays, precision="fp32"):
    """The step without the loss: what one batch becomes before samples meet each other."""
    return record(method, arrays, True, lambda ops, scope, symbols: scope.features(symbols), precision)


def record_loss(method, arrays, rows):
    """The loss alone; arrays {name: (shape, dtype)} of the features of all ranks, rows: those of this one."""

    def loss(ops, scope, symbols):
        return scope.loss(Features.of(symbols, rows), ops.input("progress", (), "float"))

    return record(method, arrays, True, loss)
