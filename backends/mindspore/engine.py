"""Training on MindSpore: recorded programs, compiled; or spec by spec in PyNative (`eager`), for looking."""

from functools import cached_property

import mindspore as ms
import numpy as np

from tandemclip.backends.mindspore import ops
from tandemclip.backends.mindspore.programs import (
    SCALE,
    Differentiate,
    Encode,
    Flatten,
    Inference,
    NodeGradients,
    Norm,
    Observation,
    PullBack,
    Step,
    Update,
)
from tandemclip.backends.mindspore.ranks import join
from tandemclip.backends.recorder.draws import training_views
from tandemclip.backends.recorder.record import ELAPSED
from tandemclip.core.errors import UserError
from tandemclip.core.methods.features import Elapsed
from tandemclip.core.precision import mixed
from tandemclip.core.spec import Notes, Run, Scope
from tandemclip.core.training.engine import Backward, Capabilities, Encoded
from tandemclip.core.training.ranks import Alone
from tandemclip.core.training.tuning import Tuning
from tandemclip.core.training.update import AVERAGE

tensor = ops.constant  # float64 arrays are refused by float32 operators: everything is cast on the way in


class Engine:
    """core.training.engine.Engine. Parameters are plain tensors that every compiled function takes as arguments.

    eager: a whole batch on one rank in PyNative; pieces are compiled in any case.
    """

    name, ops = "mindspore", ops
    capabilities = Capabilities(
        float64=False,
        compiles=True,
        fixed_shapes=True,
        keeps_graph=False,
        precisions=("fp32", "fp16") if ops.ON_CPU else ("fp32", "bf16", "fp16"),
        collectives=True,
    )
    join = staticmethod(join)

    def __init__(self, method, weights, rule, eager=False, ranks=Alone(), precision="fp32", tuning=Tuning()):
        refuse(precision)
        self.method, self.rule, self.eager, self.ranks, self.precision = method, rule, eager, ranks, precision
        self.arrays = {name: tensor(weights[name]) for name in method.declared()}
        self._inference = {}
        self.lay_out(tuning)

    def lay_out(self, tuning):
        self.groups, self.training = tuning.groups(self.method, self.rule), tuning.training(self.method)
        self.trainable = tuple(name for group in self.groups for name in group.places)
        self._gather()
        self._compiled = {}  # what trains is another set of programs from here on

    def _gather(self):
        """Flat vectors from the tensors, and nothing remembered."""
        self.vectors, self._state = [g.flatten(ops, self.arrays) for g in self.groups], None

    def _remembered(self):
        """{name: vector} of each group, made at the first use: inference needs none. Each its own tensor, as one given
        twice may be taken for one.
        """
        if self._state is None:
            make = lambda name, vector: (
                vector.asnumpy().copy() if name == AVERAGE else np.zeros(vector.shape, np.float32)
            )
            self._state = [
                {name: tensor(make(name, vector)) for name in group.remembered(self.rule)}
                for group, vector in zip(self.groups, self.vectors)
            ]
        return self._state

    @cached_property
    def views(self):
        return training_views(self.method)

    # ---- compiled programs, one for each kind and set of shapes
    def _program(self, key, make):
        return _made_once(self._compiled, key, make)

    def _of_batch(self, kind, batch, *arguments):
        shapes = {name: (array.shape, array.dtype) for name, array in batch.items()}
        return self._program((kind, str(shapes), *arguments), lambda: kind(self.method, shapes, *arguments))

    def backward(self, batch, elapsed, scale=1.0):
        inputs = {name: tensor(array) for name, array in batch.items()} | _scalars(elapsed, scale)
        if self.eager:
            terms, statistics, gradients = self._eager_step(batch, inputs)
        else:
            run = self._of_batch(Step, batch, self.precision, self.training, self.trainable)
            terms, statistics, gradients = run({**self.arrays, **inputs})
        return self.collect(terms, self.flatten(gradients), statistics, scale)

    def collect(self, terms, gradients, statistics, scale):
        norm = self._program(Norm, lambda: Norm(self.groups))(gradients)
        terms = {name: float(value.asnumpy()) for name, value in terms.items()}
        return Backward(terms, float(norm.asnumpy()) / scale, gradients, statistics, scale)

    # ---- a batch in pieces
    def encode(self, piece, statistics, keep):
        arrays = {**self.arrays, **statistics, **{name: tensor(array) for name, array in piece.items()}}
        program = self._of_batch(Encode, piece, self.precision, self.training)
        return Encoded(*program(arrays), again=(piece, arrays))

    def differentiate(self, features, elapsed, *, count, rows, statistics, scale):
        shapes = {name: (x.shape, str(x.dtype).lower()) for name, x in features.items()}
        given = (self.method, shapes, count, rows, self.training, self.trainable)
        program = self._program((Differentiate, str(shapes), count, rows), lambda: Differentiate(*given))
        return program({**self.arrays, **statistics, **features, **_scalars(elapsed, scale)})

    def to_host(self, array):
        return array.asnumpy()

    def pull_back(self, encoded, cotangents):
        piece, arrays = encoded.again
        program = self._of_batch(PullBack, piece, self.precision, self.training, tuple(cotangents), self.trainable)
        return program(arrays, cotangents)

    def _eager_step(self, batch, inputs):
        names, written = [], []

        def loss(*weights):
            arrays = {**self.arrays, **dict(zip(self.trainable, weights))}
            run = Run(mixed(ops, self.precision), arrays, self.training)
            terms = Scope(self.method, run)({name: inputs[name] for name in batch}, _elapsed(inputs))
            names[:], written[:] = list(terms), list(run.updates)
            return terms["loss"] * inputs[SCALE], *terms.values(), *run.updates.values()

        gradient = ms.value_and_grad(loss, tuple(range(len(self.trainable))), has_aux=True)
        (_, *rest), gradients = gradient(*(self.arrays[name] for name in self.trainable))
        gradients = gradients if len(self.trainable) > 1 else (gradients,)  # by one position it is no tuple
        terms = dict(zip(names, rest))
        return terms, dict(zip(written, rest[len(names) :])), dict(zip(self.trainable, gradients))

    def flatten(self, gradients):
        """{name: gradient} -> a vector for each group, zeros for a name that is not there."""
        unused = {
            name: tensor(np.zeros(self.arrays[name].shape, np.float32))
            for name in self.trainable
            if name not in gradients
        }
        return self._program(Flatten, lambda: Flatten(self.groups))({**unused, **gradients})

    def _updating(self, i, group):
        return self._program(("update", i), lambda: Update(self.rule, group))

    def update(self, backward, rates):
        total, state = 0.0, self._remembered()
        for i, group in enumerate(self.groups):
            arrays = (self.vectors[i], backward.gradients[i], state[i])
            scalars = (rates.learning_rate, *rates.corrections(group), rates.factor / backward.scale)
            self.vectors[i], state[i], square, parts = self._updating(i, group)(*arrays, scalars)
            self.arrays.update(parts)
            total += float(square.asnumpy())
        self.arrays.update(backward.statistics)
        return total**0.5

    def named_gradients(self, backward):
        return {name: gradient / backward.scale for name, gradient in self._named(backward.gradients).items()}

    def with_gradients(self, gradients):
        return self.collect({}, self.flatten({name: tensor(gradients[name]) for name in self.trainable}), {}, 1.0)

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
        state = self._remembered()
        kinds = {kind: self._named([each[kind] for each in state]) for kind in state[0]}
        return {f"{kind}.{name}": array for kind, named in kinds.items() for name, array in named.items()}

    def load(self, weights, moments=None):
        self.arrays = {name: tensor(weights[name]) for name in self.arrays}
        self._gather()
        if moments is not None:
            together = lambda kind, group: np.concatenate([moments[f"{kind}.{n}"].reshape(-1) for n in group.places])
            self._state = [
                {kind: tensor(together(kind, group)) for kind in group.remembered(self.rule)} for group in self.groups
            ]

    def exchange_average(self):
        for i, state in enumerate(self._remembered()):
            self.vectors[i], state[AVERAGE] = state[AVERAGE], self.vectors[i]
        # through the host: a slice taken in PyNative is a view, and a compiled BatchNorm fails on one ("Memcpy_s
        # error")
        self.arrays.update({name: tensor(array) for name, array in self._named(self.vectors).items()})

    # ---- looking
    def apply(self, method, *arrays):
        inputs = {f"input {place}": tensor(array) for place, array in enumerate(arrays)}
        if self.eager:
            scope = Scope(self.method, Run(ops, self.arrays, False))
            return getattr(scope, method)(*inputs.values()).asnumpy()
        shapes = {name: (x.shape, str(x.dtype).lower()) for name, x in inputs.items()}
        make = lambda: Inference(self.method, method, shapes)
        program = _made_once(self._inference, (method, str(shapes)), make)
        return program({**self.arrays, **inputs}).asnumpy()

    def encode_image(self, images):
        return self.apply("encode_image", images)

    def encode_text(self, ids):
        return self.apply("encode_text", ids)

    def observe(self, batch, elapsed):
        inputs = {name: tensor(array) for name, array in batch.items()}
        scalars = _scalars(elapsed, 1.0)
        if self.eager:
            notes = Notes(ms.Tensor)
            run = Run(mixed(ops, self.precision), self.arrays, self.training, watch=notes)
            Scope(self.method, run)(inputs, _elapsed(scalars))
            return {path: [x.asnumpy() for x in seen] for path, seen in notes.nodes.items()}
        program = self._of_batch(Observation, batch, self.precision, self.training)
        return program({**self.arrays, **inputs, **scalars})

    def node_gradients(self, method, arrays, nodes):
        shapes = [(array.shape, str(array.dtype)) for array in arrays]
        make = lambda: NodeGradients(self.method, method, shapes, tuple(nodes))
        return _made_once(self._inference, (method, str(shapes), tuple(nodes)), make)(self.arrays, arrays)

    def prepare_update(self, backward):
        for i, (group, state) in enumerate(zip(self.groups, self._remembered())):
            self._updating(i, group)(self.vectors[i], backward.gradients[i], state, (0.0, 1.0, 1.0, 1.0))[2].asnumpy()


def _made_once(programs, key, make):
    if key not in programs:
        programs[key] = make()
    return programs[key]


def _scalars(elapsed, scale):
    values = {**dict(zip(ELAPSED, elapsed)), SCALE: scale}
    return {name: tensor(np.float32(value)) for name, value in values.items()}


def _elapsed(inputs):
    return Elapsed(*(inputs[name] for name in ELAPSED))


def refuse(precision):
    if precision == "bf16" and ops.ON_CPU:
        raise UserError(
            "training.precision is bf16, which MindSpore's CPU kernels do not have; take fp32 or fp16, or an Ascend "
            "device"
        )
