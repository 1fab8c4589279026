"""One function over (ops, scope, inputs), run by every interpreter: outputs, written buffers, nodes and gradients.

Each runs as run(spec, weights, inputs, function, training, by) -> Result; `by` names the parameters or inputs by which
the function's output "scalar" is differentiated (numpy gives no gradients).
"""

from dataclasses import dataclass, field

import mindspore as ms
import numpy as np
import torch

from tandemclip.backends.mindspore import ops as mindspore_ops
from tandemclip.backends.mindspore.programs import Compiled, tensor
from tandemclip.backends.recorder.record import record
from tandemclip.backends.reference.ops import Reference
from tandemclip.backends.torch.module import Model
from tandemclip.core.spec import Notes, Run, Scope


@dataclass
class Result:
    outputs: dict
    updates: dict
    nodes: dict
    gradients: dict = field(default_factory=dict)


def numpy64(spec, weights, inputs, function, training=False, by=()):
    double = lambda array: array.astype(np.float64) if array.dtype.kind == "f" else array
    run = Run(Reference(), {n: double(a) for n, a in weights.items()}, training, watch=Notes(np.ndarray))
    outputs = function(run.ops, Scope(spec, run), {n: double(a) for n, a in inputs.items()})
    return Result(outputs, run.updates, run.watch.nodes)


def on_torch(double):
    def run(spec, weights, inputs, function, training=False, by=()):
        model = Model(spec, weights, torch.float64 if double else torch.float32)
        scope = model.scope(training, Notes(torch.Tensor))
        given = {n: scope.run.ops.constant(a) for n, a in inputs.items()}
        leaves = {n: given[n].requires_grad_() if n in given else model.arrays[n] for n in by}
        outputs = function(scope.run.ops, scope, given)
        gradients = {}
        if by:
            found = torch.autograd.grad(outputs["scalar"], [*leaves.values()], allow_unused=True)
            gradients = {name: g.numpy() for name, g in zip(leaves, found) if g is not None}
        host = lambda tensors: {n: t.detach().numpy() for n, t in tensors.items()}
        nodes = {path: [t.detach().numpy() for t in seen] for path, seen in scope.run.watch.nodes.items()}
        return Result(host(outputs), host(scope.run.updates), nodes, gradients)

    return run


def compiled(spec, weights, inputs, function, training=False, by=()):
    recording = record(spec, {n: (a.shape, a.dtype) for n, a in inputs.items()}, training, function)
    used = [name for name in by if name in recording.program.inputs]
    groups = (recording.outputs, recording.updates, {p: seen[0] for p, seen in recording.nodes.items()})
    symbols = [recording.outputs["scalar"], *(symbol for group in groups for symbol in group.values())]
    program = Compiled(recording.program, symbols, used, differentiate=bool(used))
    found = program({n: tensor(a) for n, a in {**weights, **inputs}.items()})
    found, gradients = found if used else (found, ())
    rest = iter(found[1:])
    outputs, updates, nodes = ({name: next(rest).asnumpy() for name in group} for group in groups)
    named = {n: g.asnumpy() for n, g in zip(used, gradients)}
    return Result(outputs, updates, {path: [x] for path, x in nodes.items()}, named)


def pynative(spec, weights, inputs, function, training=False, by=()):
    everything, seen = {n: tensor(a) for n, a in {**weights, **inputs}.items()}, {}

    def scalar(*arrays):
        arrays = {**everything, **dict(zip(by, arrays))}
        run = Run(mindspore_ops, arrays, training, watch=Notes(ms.Tensor))
        outputs = function(mindspore_ops, Scope(spec, run), {n: arrays[n] for n in inputs})
        seen.update(outputs=list(outputs), updates=list(run.updates), nodes=run.watch.nodes)
        return outputs["scalar"], *outputs.values(), *run.updates.values()

    gradient = ms.value_and_grad(scalar, tuple(range(len(by))), has_aux=True)
    (_, *found), gradients = gradient(*(everything[name] for name in by))
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)  # a single one comes bare
    found = iter(found)
    outputs, updates = ({n: next(found).asnumpy() for n in seen[group]} for group in ("outputs", "updates"))
    nodes = {path: [x.asnumpy() for x in arrays] for path, arrays in seen["nodes"].items()}
    return Result(outputs, updates, nodes, {n: g.asnumpy() for n, g in zip(by, gradients)})


INTERPRETERS = {
    "numpy64": numpy64,
    "torch64": on_torch(double=True),
    "torch": on_torch(double=False),
    "mindspore": compiled,
    "mindspore_eager": pynative,
}
