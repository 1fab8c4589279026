"""What the engine compiles: each a recorded program with the arguments it takes and the names of what it gives."""

import mindspore as ms
import numpy as np

from tandemclip.backends.mindspore import ops, printing
from tandemclip.backends.recorder.ops import Recorder
from tandemclip.backends.recorder.record import record, record_step
from tandemclip.core.training.update import update_group

tensor = ops.constant


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

    def __call__(self, arrays):
        result = self.function(*(self.constants[n] if n in self.constants else arrays[n] for n in self.arguments))
        return (result[0], (result[1],)) if self.bare else result


class Step:
    """Terms, written buffers and gradients of one batch."""

    def __init__(self, method, shapes, trainable):
        recording = record_step(method, shapes)
        self.terms, self.updates = list(recording.outputs), list(recording.updates)
        self.used = [name for name in trainable if name in recording.program.inputs]
        outputs = [recording.outputs["loss"], *recording.outputs.values(), *recording.updates.values()]
        self.program = Compiled(recording.program, outputs, self.used, differentiate=True)

    def __call__(self, arrays):
        (_, *rest), gradients = self.program(arrays)
        terms, updates = rest[: len(self.terms)], rest[len(self.terms) :]
        return dict(zip(self.terms, terms)), dict(zip(self.updates, updates)), dict(zip(self.used, gradients))


class Flatten:
    def __init__(self, parts):
        recorder = Recorder()
        inputs = {n: recorder.input(n, shape, "float") for g in parts for n, (_, _, shape) in g.places.items()}
        flat = [group.flatten(recorder, inputs) for group in parts]
        square = sum((recorder.sum(v * v, 0) for v in flat[1:]), recorder.sum(flat[0] * flat[0], 0))
        self.program = Compiled(recorder.program, [*flat, recorder.sqrt(square)])

    def __call__(self, arrays):
        *flat, norm = self.program(arrays)
        return flat, norm


class Update:
    """The update of one group; the parameters come out of the same program, cut from the new vector."""

    NAMES = ("weights", "gradient", "first", "second")
    SCALARS = ("learning_rate", "correction1", "correction2", "factor")

    def __init__(self, rule, group):
        recorder = Recorder()
        state = [recorder.input(name, (group.size,), "float") for name in self.NAMES]
        scalars = [recorder.input(name, (), "float") for name in self.SCALARS]
        *new, square = update_group(recorder, rule, group, *state, *scalars)
        parts = group.split(recorder, new[0])
        self.parts = list(parts)
        self.program = Compiled(recorder.program, [*new, square, *parts.values()])

    def __call__(self, state, scalars):
        scalars = (tensor(np.float32(value)) for value in scalars)
        weights, first, second, square, *parts = self.program({**dict(zip(self.NAMES, state)), **dict(zip(self.SCALARS, scalars))})
        return weights, first, second, square, dict(zip(self.parts, parts))


class Inference:
    def __init__(self, method, name, shapes):
        recording = record(method, shapes, False, lambda ops, p, inputs: {"output": getattr(p, name)(inputs["input"])})
        self.program = Compiled(recording.program, [recording.outputs["output"]])

    def __call__(self, arrays):
        return self.program(arrays)[0]


class Observation:
    def __init__(self, method, shapes):
        recording = record_step(method, shapes)
        self.counts = {path: len(seen) for path, seen in recording.nodes.items()}
        self.program = Compiled(recording.program, [symbol for seen in recording.nodes.values() for symbol in seen])

    def __call__(self, arrays):
        outputs = iter(self.program(arrays))
        return {path: [next(outputs).asnumpy() for _ in range(count)] for path, count in self.counts.items()}
