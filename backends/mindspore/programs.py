"""What the engine compiles: each a recorded program with the arguments it takes and the names of what it gives."""

from contextlib import nullcontext

import mindspore as ms
import numpy as np

from tandemclip.backends.mindspore import log, ops, printing
from tandemclip.backends.recorder.ops import Recorder
from tandemclip.backends.recorder.record import probe_name, record, record_features, record_loss, record_step
from tandemclip.core.methods.features import CHOSEN
from tandemclip.core.training.engine import Differentiated, not_visited
from tandemclip.core.training.update import update_group

tensor = ops.constant
SCALE = "loss scale"  # as no parameter and no view is called


class Compiled:
    """A printed program under `ms.jit`: takes its arguments from {name: tensor}."""

    def __init__(self, program, outputs, first=(), differentiate=False):
        text, self.arguments = printing.source(program, outputs, list(first))
        self.constants = {name: tensor(value) for name, value in program.constants.items()}
        function = printing.load(text)
        if differentiate:
            # without has_aux the gradient would be that of the *sum* of all outputs
            function = ms.value_and_grad(function, tuple(range(len(first))), has_aux=True)
        self.function = ms.jit(function, capture_mode="ast")  # the other modes return wrong gradients, silently
        self.bare = differentiate and len(first) == 1  # by one position the gradient is no tuple
        self.is_compiled = False

    def __call__(self, arrays):
        given = [self.constants[n] if n in self.constants else arrays[n] for n in self.arguments]
        with nullcontext() if self.is_compiled else log.set_aside():
            result = self.function(*given)
        self.is_compiled = True
        return (result[0], (result[1],)) if self.bare else result


class Step:
    """Terms, written buffers and gradients of one batch."""

    def __init__(self, method, shapes, precision, training, trainable):
        recording = record_step(method, shapes, precision, training)
        self.terms, self.updates = list(recording.outputs), list(recording.updates)
        self.used = [name for name in trainable if name in recording.program.inputs]
        outputs = [_scaled(recording), *recording.outputs.values(), *recording.updates.values()]
        self.program = Compiled(recording.program, outputs, self.used, differentiate=True)

    def __call__(self, arrays):
        (_, *rest), gradients = self.program(arrays)
        terms, updates = rest[: len(self.terms)], rest[len(self.terms) :]
        return dict(zip(self.terms, terms)), dict(zip(self.updates, updates)), dict(zip(self.used, gradients))


def _scaled(recording):
    """What is differentiated: the loss, times an input."""
    loss = recording.outputs["loss"]
    return loss * loss.recorder.input(SCALE, (), "float")


class Encode:
    """Features of a piece of a batch and the buffers that it writes."""

    def __init__(self, method, shapes, precision, training):
        recording = record_features(method, shapes, precision, training)
        self.features, self.updates = recording.outputs, list(recording.updates)
        self.program = Compiled(recording.program, [*self.features.values(), *recording.updates.values()])

    def __call__(self, arrays):
        outputs = self.program(arrays)
        split = len(self.features)
        return dict(zip(self.features, outputs[:split])), dict(zip(self.updates, outputs[split:]))


class Differentiate:
    """Terms of all features, the gradient by the weights that the loss itself uses and by the features, written
    buffers.
    """

    def __init__(self, method, shapes, count, rows, training, trainable):
        recording = record_loss(method, shapes, count, rows, training)
        self.terms, self.updates, inputs = list(recording.outputs), list(recording.updates), recording.program.inputs
        self.used = [name for name in trainable if name in inputs]
        self.features = [name for name in shapes if inputs[name].kind == "float" and not name.startswith(CHOSEN)]
        outputs = [_scaled(recording), *recording.outputs.values(), *recording.updates.values()]
        self.program = Compiled(recording.program, outputs, self.used + self.features, differentiate=True)

    def __call__(self, arrays):
        (_, *rest), gradients = self.program(arrays)
        terms, written = rest[: len(self.terms)], rest[len(self.terms) :]
        weights, features = gradients[: len(self.used)], gradients[len(self.used) :]
        named = ((self.terms, terms), (self.used, weights), (self.features, features), (self.updates, written))
        return Differentiated(*(dict(zip(names, values)) for names, values in named))


class PullBack:
    """The gradient of a piece, from that of its features: that of the product of the two, summed."""

    def __init__(self, method, shapes, precision, training, cotangents, trainable):
        recording = record_features(method, shapes, precision, training)
        recorder, total = recording.outputs[cotangents[0]].recorder, None
        for name in cotangents:
            x = recording.outputs[name]
            product = x * recorder.input(f"cotangent of {name}", x.shape, "float")
            part = recorder.sum(product, tuple(range(len(x.shape)))) if x.shape else product
            total = part if total is None else total + part
        self.used = [name for name in trainable if name in recording.program.inputs]
        # where nothing trains that a piece goes through, there is nothing to differentiate by
        self.program = Compiled(recording.program, [total, total], self.used, differentiate=True) if self.used else None

    def __call__(self, arrays, cotangents):
        if self.program is None:
            return {}
        _, gradients = self.program(arrays | {f"cotangent of {name}": x for name, x in cotangents.items()})
        return dict(zip(self.used, gradients))


class Flatten:
    """A vector for each group of parameters."""

    def __init__(self, parts):
        recorder = Recorder()
        inputs = {n: recorder.input(n, shape, "float") for g in parts for n, (_, _, shape) in g.places.items()}
        self.program = Compiled(recorder.program, [group.flatten(recorder, inputs) for group in parts])

    def __call__(self, arrays):
        return list(self.program(arrays))


class Norm:
    """The L2 norm of all vectors together."""

    def __init__(self, parts):
        recorder = Recorder()
        squares = [
            recorder.sum(v * v, 0) for v in (recorder.input(str(i), (g.size,), "float") for i, g in enumerate(parts))
        ]
        self.program = Compiled(recorder.program, [recorder.sqrt(sum(squares[1:], squares[0]))])

    def __call__(self, vectors):
        return self.program({str(i): vector for i, vector in enumerate(vectors)})[0]


class Update:
    """The update of one group; the parameters come out of the same program, cut from the new vector."""

    SCALARS = ("learning_rate", "correction1", "correction2", "factor")

    def __init__(self, rule, group):
        recorder = Recorder()
        vector = lambda name: recorder.input(name, (group.size,), "float")
        weights, gradient = vector("weights"), vector("gradient")
        state = {name: vector(name) for name in group.remembered(rule)}
        rate, *corrections, factor = (recorder.input(name, (), "float") for name in self.SCALARS)
        new, changed, square = update_group(
            recorder, rule, group, weights, gradient, state, rate=rate, corrections=tuple(corrections), factor=factor
        )
        parts = group.split(recorder, new)
        self.state, self.parts = list(state), list(parts)
        outputs = [new, square, *(changed[name] for name in self.state), *parts.values()]
        self.program = Compiled(recorder.program, outputs)

    def __call__(self, weights, gradient, state, scalars):
        """-> new weights, new state, squared norm of the change, the parameters by name."""
        scalars = {name: tensor(np.float32(value)) for name, value in zip(self.SCALARS, scalars)}
        new, square, *rest = self.program({"weights": weights, "gradient": gradient, **state, **scalars})
        split = len(self.state)
        return new, dict(zip(self.state, rest[:split])), square, dict(zip(self.parts, rest[split:]))


class Inference:
    """A function of the method from arrays to one, at inference."""

    def __init__(self, method, name, shapes):
        function = lambda ops, p, inputs: {"output": getattr(p, name)(*inputs.values())}
        recording = record(method, shapes, False, function)
        self.program = Compiled(recording.program, [recording.outputs["output"]])

    def __call__(self, arrays):
        return self.program(arrays)[0]


class NodeGradients:
    """What nodes give at inference, and the gradient of the sum of a function's output by each, through a probe."""

    def __init__(self, method, name, shapes, nodes):
        inputs = {f"input {i}": shape for i, shape in enumerate(shapes)}
        run = lambda ops, p, symbols: {"output": getattr(p, name)(*(symbols[n] for n in inputs))}
        seen = record(method, inputs, False, run).nodes  # once without probes, for the shapes of the nodes
        visits = {path: len(found) for path, found in seen.items()}
        if missing := [node for node in nodes if node[1] >= visits.get(node[0], 0)]:
            raise not_visited(missing[0], visits)
        self.nodes, self.inputs = nodes, list(inputs)
        self.probes = {node: seen[node[0]][node[1]].shape for node in nodes}
        recording = record(method, inputs, False, run, probes=self.probes)
        output = recording.outputs["output"]
        total = output.recorder.sum(output, tuple(range(len(output.shape)))) if output.shape else output
        values = [recording.nodes[path][visit] for path, visit in nodes]
        first = [probe_name(*node) for node in nodes]
        self.program = Compiled(recording.program, [total, *values], first, differentiate=True)

    def __call__(self, weights, arrays):
        zeros = {probe_name(*node): tensor(np.zeros(shape, np.float32)) for node, shape in self.probes.items()}
        (_, *values), gradients = self.program({**weights, **zeros, **dict(zip(self.inputs, map(tensor, arrays)))})
        return {node: (x.asnumpy(), g.asnumpy()) for node, x, g in zip(self.nodes, values, gradients)}


class Observation:
    def __init__(self, method, shapes, precision, training):
        recording = record_step(method, shapes, precision, training)
        self.counts = {path: len(seen) for path, seen in recording.nodes.items()}
        self.program = Compiled(recording.program, [symbol for seen in recording.nodes.values() for symbol in seen])

    def __call__(self, arrays):
        outputs = iter(self.program(arrays))
        return {path: [next(outputs).asnumpy() for _ in range(count)] for path, count in self.counts.items()}
