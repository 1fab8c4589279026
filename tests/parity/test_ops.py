"""The contract of the vocabulary: every function on every interpreter, in value and in gradient, on three calls.

The judge of values is the numpy interpreter in float64, that of gradients torch in float64, itself held against finite
differences of numpy. Three calls with fresh inputs, because an engine may bake in what it saw on the first.
"""

import ast
import inspect
import re
from functools import cache

import mindspore as ms
import numpy as np
import pytest
import torch

from tandemclip.backends.mindspore import ops as mindspore_ops
from tandemclip.backends.mindspore.programs import Compiled
from tandemclip.backends.recorder.ops import Recorder
from tandemclip.backends.reference.ops import Reference
from tandemclip.backends.torch.ops import TorchOps
from tandemclip.core.ops import FUNCTIONS, OPERATORS, Ops
from tandemclip.core.random import generator
from tandemclip.tests.parity.cases import CASES, EMPTY_CASES, GROUPS, OPERATOR_FUNCTIONS, Input

CALLS = (1, 2, 3)
VALUE, GRADIENT, DOUBLE, DIFFERENCE = 1e-5, 1e-4, 1e-12, 1e-6

INTERPRETERS = {
    "reference": Reference(),
    "torch": TorchOps(),
    "mindspore": mindspore_ops,
    "recorder": Recorder(),
}

# Functions of backends/mindspore/ops.py that may touch the host, and why that is no trap.
ON_THE_HOST = {
    "constant": "makes a tensor from a host array; the recorder turns constants into arguments of the compiled program",
    "_ahead": "the causal mask depends on the lengths alone, which are fixed in a compiled program",
}


# ------------------------------------------------------------------ running a case
def apply(ops, one, arrays):
    """A case's outputs, as a tuple."""
    function = OPERATOR_FUNCTIONS.get(one.function) or getattr(ops, one.function)
    outputs = function(*one.bind(arrays))
    return outputs if isinstance(outputs, tuple) else (outputs,)


def draw(one, call):
    """Fresh arrays for one call: inputs, exactly representable in float32, and a cotangent for each float output."""
    rng = generator("ops", str(one), call)
    inputs = [_single(item(rng)) for item in one.inputs]
    outputs = apply(Reference(), one, inputs)
    drawn = [(_kind(y), _single(rng.standard_normal(y.shape))) for y in map(np.asarray, outputs)]
    return inputs, [cotangent if kind == "float" else None for kind, cotangent in drawn]


def _single(array):
    return np.asarray(array, np.float32).astype(np.float64) if array.dtype.kind == "f" else array


def _kind(array):
    return {"f": "float", "i": "int", "b": "bool"}[array.dtype.kind]


def differentiated(one):
    return [i for i, item in enumerate(one.inputs) if item.differentiated]


def error(a, b):
    """max |a - b| / (|b| + rms(b)); what is zero in theory is set against a tenth, as the cotangents are about 1."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    assert a.shape == b.shape, f"shape {a.shape}, expected {b.shape}"
    assert np.isfinite(a).all(), "not finite"
    rms = np.sqrt(np.mean(b * b)) if b.size else 0.0
    return float(np.max(np.abs(a - b) / (np.abs(b) + (rms if rms > 1e-9 else 0.1)), initial=0.0))


@cache
def judged(one, call):
    """(inputs, cotangents, numpy's outputs, torch float64's gradients by the differentiated inputs)."""
    inputs, cotangents = draw(one, call)
    outputs = [np.asarray(y) for y in apply(Reference(), one, inputs)]
    return inputs, cotangents, outputs, torch_run(TorchOps(torch.float64), one, inputs, cotangents)[1]


def torch_run(ops, one, inputs, cotangents):
    tensors = [ops.constant(array) for array in inputs]
    chosen = [tensors[i].requires_grad_() for i in differentiated(one)]
    outputs = apply(ops, one, tensors)
    paired = [(y, ops.constant(c)) for y, c in zip(outputs, cotangents) if c is not None and y.requires_grad]
    if not paired or not chosen:
        return outputs, [np.zeros(tuple(x.shape)) for x in chosen]
    loss = sum((y * c).sum() for y, c in paired)
    gradients = torch.autograd.grad(loss, chosen, allow_unused=True, materialize_grads=True)
    return outputs, [g.numpy() for g in gradients]


def check(one, call, outputs, gradients, value=VALUE, gradient=GRADIENT):
    """`outputs` and `gradients` (host arrays) against the judges; returns complaints."""
    _, _, wanted, wanted_gradients = judged(one, call)
    complaints = []
    assert len(outputs) == len(wanted) and len(gradients) == len(wanted_gradients), str(one)
    pairs = (("value", value, outputs, wanted), ("gradient", gradient, gradients, wanted_gradients))
    for what, limit, got, right in pairs:
        for i, (a, b) in enumerate(zip(got, right)):
            if _kind(a) != _kind(b):
                complaints.append(f"{one}, call {call}, {what} {i}: kind {_kind(a)}, expected {_kind(b)}")
            elif a.shape != b.shape:
                complaints.append(f"{one}, call {call}, {what} {i}: shape {a.shape}, expected {b.shape}")
            elif not np.isfinite(a).all():
                complaints.append(f"{one}, call {call}, {what} {i}: not finite")
            elif (distance := error(a, b)) > (limit if _kind(b) == "float" else 0.0):
                complaints.append(f"{one}, call {call}, {what} {i}: off by {distance:.1e}")
    return complaints


# ------------------------------------------------------------------ the vocabulary is whole
@pytest.mark.parametrize("name", INTERPRETERS)
def test_every_function_has_the_signature_of_the_vocabulary(name):
    bare = lambda f: [(p.name, p.kind, p.default) for p in inspect.signature(f).parameters.values() if p.name != "self"]
    missing = [function for function in FUNCTIONS if not hasattr(INTERPRETERS[name], function)]
    assert not missing
    wrong = [f for f in FUNCTIONS if bare(getattr(INTERPRETERS[name], f)) != bare(getattr(Ops, f))]
    assert not wrong


def test_an_interpreter_adds_nothing_to_the_vocabulary():
    module = mindspore_ops.__name__
    own = {n for n, f in vars(mindspore_ops).items() if inspect.isfunction(f) and f.__module__ == module}
    assert {n for n in own if not n.startswith("_")} == set(FUNCTIONS)
    for interpreter in (Reference, TorchOps):
        assert {n for n in vars(interpreter) if not n.startswith("_")} == set(FUNCTIONS)


def test_every_function_and_operator_has_a_case():
    assert {one.function for one in CASES} == {*FUNCTIONS, *OPERATORS}


def test_every_case_has_a_name_of_its_own():
    assert len({str(one) for one in CASES}) == len(CASES)


# ------------------------------------------------------------------ the judges
@pytest.mark.parametrize("group", GROUPS)
def test_gradients_of_torch_float64_are_finite_differences_of_numpy(group):
    for one in GROUPS[group]:
        inputs, cotangents, _, gradients = judged(one, 1)
        for position, gradient in zip(differentiated(one), gradients):
            if one.fd:
                assert error(gradient, _differences(one, inputs, cotangents, position)) < DIFFERENCE, str(one)


def _differences(one, inputs, cotangents, position, step=1e-5):
    """Central differences of sum(output * cotangent) by every element of one input."""

    def value(moved):
        arrays = [moved if i == position else array for i, array in enumerate(inputs)]
        outputs = apply(Reference(), one, arrays)[: _differentiable_outputs(one)]
        return sum(np.sum(y * c) for y, c in zip(outputs, cotangents) if c is not None)

    base, slopes = inputs[position], np.zeros(inputs[position].shape)
    for index in np.ndindex(base.shape):
        up, down = base.copy(), base.copy()
        up[index], down[index] = up[index] + step, down[index] - step
        slopes[index] = (value(up) - value(down)) / (2 * step)
    return slopes


def _differentiable_outputs(one):
    return 1 if one.function == "batch_norm" else None  # the statistics carry no gradient


def test_stop_gradient_stops():
    for one in CASES:
        if one.function == "stop_gradient":
            assert all(not gradient.any() for gradient in judged(one, 1)[3])


# ------------------------------------------------------------------ torch
@pytest.mark.parametrize("dtype, value, gradient", [(torch.float32, VALUE, GRADIENT), (torch.float64, DOUBLE, DOUBLE)])
@pytest.mark.parametrize("group", GROUPS)
def test_torch(group, dtype, value, gradient):
    complaints = []
    for one in GROUPS[group]:
        for call in CALLS:
            inputs, cotangents = judged(one, call)[:2]
            outputs, gradients = torch_run(TorchOps(dtype), one, inputs, cotangents)
            complaints += check(one, call, [y.detach().numpy() for y in outputs], gradients, value, gradient)
    assert not complaints, "\n".join(complaints)


# ------------------------------------------------------------------ MindSpore
@pytest.mark.parametrize("group", GROUPS)
def test_mindspore_pynative(group):
    complaints = []
    for one in GROUPS[group]:
        for call in CALLS:
            complaints += check(one, call, *_pynative(one, *judged(one, call)[:2]))
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("function", ["conv2d", "batch_norm"])
def test_the_forms_that_other_devices_than_the_cpu_take(function, monkeypatch):
    monkeypatch.setattr(mindspore_ops, "ON_CPU", not mindspore_ops.ON_CPU)
    complaints = []
    for one in CASES:
        for call in CALLS if one.function == function else ():
            complaints += check(one, call, *_pynative(one, *judged(one, call)[:2]))
    assert not complaints, "\n".join(complaints)


def _pynative(one, inputs, cotangents):
    tensors = [mindspore_ops.constant(array) for array in inputs]
    chosen = differentiated(one)
    paired = [c if c is None else mindspore_ops.constant(c) for c in cotangents]

    def loss(*moved):
        arrays = list(tensors)
        for position, array in zip(chosen, moved):
            arrays[position] = array
        outputs = apply(mindspore_ops, one, arrays)
        return sum(((y * c).sum() for y, c in zip(outputs, paired) if c is not None), ms.Tensor(0.0)), *outputs

    if not chosen:
        return [y.asnumpy() for y in loss()[1:]], []
    gradient = ms.value_and_grad(loss, tuple(range(len(chosen))), has_aux=True)
    (_, *outputs), gradients = gradient(*(tensors[i] for i in chosen))
    gradients = gradients if len(chosen) > 1 else (gradients,)  # by one position it is no tuple
    return [y.asnumpy() for y in outputs], [g.asnumpy() for g in gradients]


class Group:
    """All cases of a group as one compiled program: outputs, and gradients of one sum of outputs times cotangents."""

    def __init__(self, cases):
        self.cases, recorder, total, outputs, first = cases, Recorder(), None, [], []
        self.recorded = []
        for number, one in enumerate(cases):
            cotangents = draw(one, CALLS[0])[1]
            symbols = [recorder.input(f"{number}.{i}", x.shape, x.kind) for i, x in enumerate(one.inputs)]
            first += [f"{number}.{i}" for i in differentiated(one)]
            results = apply(recorder, one, symbols)
            for i, (result, cotangent) in enumerate(zip(results, cotangents)):
                if cotangent is not None and one.function != "constant":
                    given = recorder.input(f"{number}.cotangent.{i}", cotangent.shape, "float")
                    count = int(np.prod(result.shape))
                    term = recorder.sum(recorder.reshape(result * given, (count,)), 0)
                    total = term if total is None else total + term
            self.recorded.append(results)
            outputs += results
        self.compiled = Compiled(recorder.program, [total, *outputs], first, differentiate=True)

    def __call__(self, call):
        arrays = {}
        for number, one in enumerate(self.cases):
            inputs, cotangents = judged(one, call)[:2]
            arrays |= {f"{number}.{i}": mindspore_ops.constant(array) for i, array in enumerate(inputs)}
            given = {f"{number}.cotangent.{i}": c for i, c in enumerate(cotangents) if c is not None}
            arrays |= {name: mindspore_ops.constant(c) for name, c in given.items()}
        (_, *outputs), gradients = self.compiled(arrays)
        outputs, gradients = iter(outputs), iter(gradients)
        for one, recorded in zip(self.cases, self.recorded):
            own = [next(outputs).asnumpy() for _ in recorded]
            yield one, own, [next(gradients).asnumpy() for _ in differentiated(one)]


@pytest.mark.parametrize("group", GROUPS)
def test_mindspore_compiled(group):
    program = Group(GROUPS[group])
    complaints = []
    for call in CALLS:
        for one, outputs, gradients in program(call):
            complaints += check(one, call, outputs, gradients)
    assert not complaints, "\n".join(complaints)


def test_nothing_of_the_mindspore_vocabulary_runs_on_the_host():
    tree = ast.parse(inspect.getsource(mindspore_ops))
    host = {node.name: _host_names(node) for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert {name for name, used in host.items() if used} == set(ON_THE_HOST), host


def _host_names(function):
    """What in a function's body would compute on the host, where a compiled program sees it once."""
    used = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and node.attr in {"asnumpy", "numpy", "item", "tolist", "Custom", "Tensor"}:
            used.add(node.attr)
        elif isinstance(node, ast.Name) and node.id in {"np", "pyfunc", "constexpr"}:
            used.add(node.id)
        elif isinstance(node, ast.Constant) and node.value == "pyfunc":
            used.add("pyfunc")
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            used.add("import")
    return used


# ------------------------------------------------------------------ the recorder
@pytest.mark.parametrize("one", [*CASES, *EMPTY_CASES], ids=str)
def test_the_recorder_infers_the_shapes_and_kinds_that_numpy_gives(one):
    recorder = Recorder()
    outputs = apply(recorder, one, [recorder.input(str(i), x.shape, x.kind) for i, x in enumerate(one.inputs)])
    wanted = [np.asarray(y) for y in apply(Reference(), one, draw(one, 1)[0])]
    assert [(y.shape, y.kind) for y in outputs] == [(y.shape, _kind(y)) for y in wanted]


# ------------------------------------------------------------------ edges
@pytest.mark.parametrize("one", EMPTY_CASES, ids=str)
def test_arrays_without_elements(one):
    inputs, cotangents, wanted, _ = judged(one, 1)
    outputs, gradients = torch_run(TorchOps(torch.float64), one, inputs, cotangents)
    assert not check(one, 1, [y.detach().numpy() for y in outputs], gradients, DOUBLE, DOUBLE)


def test_a_zero_row_is_normalised_to_zero_with_a_finite_gradient():
    rows, cotangent, eps = np.zeros((2, 3)), np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]]), 1e-12
    assert not Reference().l2_normalize(rows, eps).any()
    right = cotangent / eps
    for dtype in (torch.float32, torch.float64):
        tensor = torch.zeros((2, 3), dtype=dtype, requires_grad=True)
        value = TorchOps(dtype).l2_normalize(tensor, eps)
        value.backward(torch.as_tensor(cotangent, dtype=dtype))
        assert not value.detach().any() and error(tensor.grad, right) < VALUE
    given = mindspore_ops.constant(cotangent)
    loss = lambda x: (mindspore_ops.l2_normalize(x, eps) * given).sum()
    value, gradient = ms.value_and_grad(loss, 0)(mindspore_ops.constant(rows))
    assert value.asnumpy() == 0 and error(gradient.asnumpy(), right) < VALUE


def test_relu_has_no_gradient_at_zero():
    tensor = torch.zeros(3, requires_grad=True)
    TorchOps().relu(tensor).sum().backward()
    assert not tensor.grad.any()
    gradient = ms.grad(lambda x: mindspore_ops.relu(x).sum(), 0)(mindspore_ops.constant(np.zeros(3)))
    assert not gradient.asnumpy().any()


def test_arguments_are_left_as_they_were():
    for one in CASES:
        inputs = judged(one, 1)[0]
        tensors = [TorchOps(torch.float64).constant(array.copy()) for array in inputs]
        apply(TorchOps(torch.float64), one, tensors)
        copies = [array.copy() for array in inputs]
        apply(Reference(), one, copies)
        for array, tensor, copy in zip(inputs, tensors, copies):
            assert (tensor.numpy() == array).all() and (copy == array).all(), str(one)


def test_the_mask_of_a_case_leaves_a_key_to_every_row():
    for call in CALLS:
        mask = Input((50, 6), "mask")(generator("mask", call))
        assert set(np.unique(mask)) == {0.0, 1.0} and mask[:, 0].all()


def test_a_case_is_drawn_anew_on_every_call():
    for one in CASES:
        if any(x.differentiated for x in one.inputs):
            first, second = (np.concatenate([a.reshape(-1) for a in judged(one, call)[0]]) for call in (1, 2))
            assert (first != second).any(), str(one)
    assert not re.search(r"seed\(", inspect.getsource(Input))
