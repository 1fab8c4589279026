"""Training on MindSpore: recorded programs, compiled; or spec by spec in PyNative (`eager`), for looking."""

import time

import mindspore as ms
import numpy as np

from tandemclip.backends.mindspore import ops, printing
from tandemclip.backends.recorder.ops import Recorder
from tandemclip.backends.recorder.record import record, record_step
from tandemclip.core.spec import Notes, Run, Scope
from tandemclip.core.training.engine import Backward
from tandemclip.core.training.update import groups, update_group

tensor = ops.constant  # float64 arrays are refused by float32 operators: everything is cast on the way in


class Engine:
    """core.training.engine.Engine. Parameters are plain tensors that every compiled function takes as arguments."""

    name = "mindspore"

    def __init__(self, method, weights, rule, eager=False):
        self.method, self.rule, self.eager = method, rule, eager
        self.arrays = {name: tensor(weights[name]) for name in _declared(method)}
        self.groups = groups(method, rule)
        self.trainable = [name for group in self.groups for name in group.places]
        self._gather()
        self._compiled = {}

    def _gather(self):
        """Flat vectors from the tensors, moments at zero: each its own tensor, as one given twice may be taken for one."""
        self.vectors = [g.flatten(ops, self.arrays) for g in self.groups]
        self.first = [tensor(np.zeros(g.size, np.float32)) for g in self.groups]
        self.second = [tensor(np.zeros(g.size, np.float32)) for g in self.groups]

    # ---- compiled programs, one for each kind and set of shapes
    def _program(self, key, make):
        if key not in self._compiled:
            self._compiled[key] = make()
        return self._compiled[key]

    def _step(self, batch):
        shapes = {name: (array.shape, array.dtype) for name, array in batch.items()}
        return self._program(("step", str(shapes)), lambda: Step(self.method, shapes, self.trainable))

    def backward(self, batch, progress):
        inputs = {name: tensor(array) for name, array in batch.items()} | {"progress": tensor(np.float32(progress))}
        run = self._eager_step if self.eager else self._step(batch)
        terms, statistics, gradients = run({**self.arrays, **inputs})
        flat, norm = self._flatten(gradients)
        terms = {name: float(value.asnumpy()) for name, value in terms.items()}
        return Backward(terms, float(norm.asnumpy()), flat, statistics)

    def _eager_step(self, arrays):
        batch = {name: value for name, value in arrays.items() if name not in self.arrays and name != "progress"}
        names, written = [], {}

        def loss(*weights):
            run = Run(ops, {**self.arrays, **dict(zip(self.trainable, weights))}, True)
            terms = Scope(self.method, run)(batch, arrays["progress"])
            names[:], written["names"] = list(terms), list(run.updates)
            return terms["loss"], *terms.values(), *run.updates.values()

        gradient = ms.value_and_grad(loss, tuple(range(len(self.trainable))), has_aux=True)
        (_, *rest), gradients = gradient(*(self.arrays[name] for name in self.trainable))
        gradients = gradients if len(self.trainable) > 1 else (gradients,)  # by one position it is no tuple
        terms = dict(zip(names, rest))
        return terms, dict(zip(written["names"], rest[len(names) :])), dict(zip(self.trainable, gradients))

    def _flatten(self, gradients):
        """{name: gradient} -> a vector for each group, and the norm of all."""
        program = self._program("flatten", lambda: Flatten(self.groups))
        given = {n: gradients[n] if n in gradients else ops.constant(np.zeros(self.arrays[n].shape, np.float32)) for n in self.trainable}
        return program(given)

    def update(self, backward, rates):
        scalars = [rates.learning_rate, rates.correction1, rates.correction2, rates.factor]
        total = 0.0
        for i, group in enumerate(self.groups):
            program = self._program(("update", i), lambda: Update(self.rule, group))
            state = (self.vectors[i], backward.gradients[i], self.first[i], self.second[i])
            self.vectors[i], self.first[i], self.second[i], square, parts = program(state, scalars)
            self.arrays.update(parts)
            total += float(square.asnumpy())
        self.arrays.update(backward.statistics)
        return total**0.5

    def named_gradients(self, backward):
        return self._named(backward.gradients)

    def with_gradients(self, gradients):
        flat, norm = self._flatten({name: tensor(gradients[name]) for name in self.trainable})
        return Backward({}, float(norm.asnumpy()), flat, {})

    # ---- state
    def _named(self, vectors):
        host = [vector.asnumpy() for vector in vectors]
        return {
            name: host[i][start:stop].reshape(shape).copy()
            for i, group in enumerate(self.groups)
            for name, (start, stop, shape) in group.places.items()
        }

    def weights(self):
        return {name: array.asnumpy().copy() for name, array in self.arrays.items()}

    def moments(self):
        first, second = self._named(self.first), self._named(self.second)
        return {f"first.{n}": a for n, a in first.items()} | {f"second.{n}": a for n, a in second.items()}

    def load(self, weights, moments=None):
        self.arrays = {name: tensor(weights[name]) for name in self.arrays}
        self._gather()
        if moments is not None:
            for own, prefix in ((self.first, "first."), (self.second, "second.")):
                for i, group in enumerate(self.groups):
                    own[i] = tensor(np.concatenate([moments[prefix + n].reshape(-1) for n in group.places]))

    # ---- looking
    def _encode(self, method, array):
        if self.eager:
            scope = Scope(self.method, Run(ops, self.arrays, False))
            return getattr(scope, method)(tensor(array)).asnumpy()
        shapes = {"input": (array.shape, array.dtype)}
        program = self._program((method, array.shape), lambda: Inference(self.method, method, shapes))
        return program({**self.arrays, "input": tensor(array)}).asnumpy()

    def encode_image(self, images):
        return self._encode("encode_image", images)

    def encode_text(self, ids):
        return self._encode("encode_text", ids)

    def observe(self, batch, progress):
        inputs = {name: tensor(array) for name, array in batch.items()}
        if self.eager:
            notes = Notes(ms.Tensor)
            Scope(self.method, Run(ops, self.arrays, True, watch=notes))(inputs, tensor(np.float32(progress)))
            return {path: [x.asnumpy() for x in seen] for path, seen in notes.nodes.items()}
        shapes = {name: (array.shape, array.dtype) for name, array in batch.items()}
        program = self._program(("observe", str(shapes)), lambda: Observation(self.method, shapes))
        return program({**self.arrays, **inputs, "progress": tensor(np.float32(progress))})

    def prepare(self, batch):
        start = time.perf_counter()
        backward = self.backward(batch, 0.0)
        for i, group in enumerate(self.groups):
            if not self.eager or True:
                program = self._program(("update", i), lambda: Update(self.rule, group))
                program((self.vectors[i], backward.gradients[i], self.first[i], self.second[i]), [0.0, 1.0, 1.0, 1.0])[3].asnumpy()
        return time.perf_counter() - start


def _declared(spec):
    return [name for name, _ in (*spec.all_parameters(), *spec.all_buffers())]


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
