"""Training on MindSpore: recorded programs, compiled; or spec by spec in PyNative (`eager`), for looking."""

import time

import mindspore as ms
import numpy as np

from tandemclip.backends.mindspore import ops
from tandemclip.backends.mindspore.programs import Flatten, Inference, Observation, Step, Update
from tandemclip.core.spec import Notes, Run, Scope
from tandemclip.core.training.engine import Backward
from tandemclip.core.training.update import groups

tensor = ops.constant  # float64 arrays are refused by float32 operators: everything is cast on the way in


class Engine:
    """core.training.engine.Engine. Parameters are plain tensors that every compiled function takes as arguments."""

    name = "mindspore"

    def __init__(self, method, weights, rule, eager=False):
        self.method, self.rule, self.eager = method, rule, eager
        self.arrays = {name: tensor(weights[name]) for name in method.declared()}
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
        unused = {name: tensor(np.zeros(self.arrays[name].shape, np.float32)) for name in self.trainable if name not in gradients}
        return self._program("flatten", lambda: Flatten(self.groups))({**unused, **gradients})

    def _updating(self, i, group):
        return self._program(("update", i), lambda: Update(self.rule, group))

    def update(self, backward, rates):
        scalars = [rates.learning_rate, rates.correction1, rates.correction2, rates.factor]
        total = 0.0
        for i, group in enumerate(self.groups):
            state = (self.vectors[i], backward.gradients[i], self.first[i], self.second[i])
            self.vectors[i], self.first[i], self.second[i], square, parts = self._updating(i, group)(state, scalars)
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
            state = (self.vectors[i], backward.gradients[i], self.first[i], self.second[i])
            self._updating(i, group)(state, [0.0, 1.0, 1.0, 1.0])[0].asnumpy()
        return time.perf_counter() - start
