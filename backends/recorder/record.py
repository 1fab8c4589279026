"""Record a method's training step or a tower's inference as a program."""

from dataclasses import dataclass

import numpy as np

from tandemclip.backends.recorder.ops import Program, Recorder, Symbol
from tandemclip.core.methods.features import CHOSEN, Elapsed, Features
from tandemclip.core.precision import mixed
from tandemclip.core.spec import Run, Scope

KINDS = {"float32": "float", "float64": "float", "int32": "int", "int64": "int", "bool": "bool"}


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
    drawn: int = 0  # random numbers that layers took a sample


def record(spec, arrays, training, function, precision="fp32", probes=()):
    """Run `function(ops, scope, symbols)` on symbols for `arrays` {name: (shape, dtype)}.

    training: see Run. probes: {(path, visit): shape} of nodes that get one more input each, see `probe_name`.
    """
    recorder = Recorder()
    symbols = {name: recorder.input(name, shape, KINDS[str(dtype)]) for name, (shape, dtype) in arrays.items()}
    added = {node: recorder.input(probe_name(*node), shape, "float") for node, shape in dict(probes).items()}
    run = Run(mixed(recorder, precision), Declared(recorder, spec), training, watch=recorder, probes=added)
    outputs = function(recorder, Scope(spec, run), symbols)
    drawn = run.draws.place if run.draws else 0
    return Recording(recorder.program, outputs, run.updates, recorder.nodes, drawn)


def probe_name(path: str, visit: int) -> str:
    return f"probe of {path}#{visit}"


ELAPSED = Elapsed("elapsed step", "elapsed epoch")  # names of inputs, as no parameter and no view is called


def _elapsed(ops):
    return Elapsed(*(ops.input(name, (), "float") for name in ELAPSED))


def record_step(method, arrays, precision="fp32", training=True):
    """The training step's forward: terms of one batch; arrays {name: (shape, dtype)} of the batch."""

    def step(ops, scope, symbols):
        if not method.chooses_by or any(name.startswith(CHOSEN) for name in symbols):
            return scope(symbols, _elapsed(ops))
        encoded = scope.features(symbols)
        count = next(iter(symbols.values())).shape[0]
        features = Features.of(encoded | _choices(ops, method, encoded), count)
        return scope.exact().loss(features, _elapsed(ops))

    return record(method, arrays, training, step, precision)


def _choices(ops, method, encoded):
    """Inputs that stand for what the method chooses on the host, of the shapes that it chooses for zeros."""
    local = {name: np.zeros(encoded[f"local:{name}"].shape, np.float32) for name in method.chooses_by}
    chosen = {CHOSEN + name: np.asarray(array) for name, array in method.choose(local).items()}
    return {name: ops.input(name, array.shape, KINDS[str(array.dtype)]) for name, array in chosen.items()}


def record_features(method, arrays, precision="fp32", training=True):
    """The step without the loss: what one batch becomes before samples meet each other."""
    return record(method, arrays, training, lambda ops, scope, symbols: scope.features(symbols), precision)


def record_loss(method, arrays, count, rows, training=True):
    """The loss alone; arrays {name: (shape, dtype)} of the features of all ranks, N and the rows of this one."""

    def loss(ops, scope, symbols):
        return scope.loss(Features.of(symbols, count, rows), _elapsed(ops))

    return record(method, arrays, training, loss)
