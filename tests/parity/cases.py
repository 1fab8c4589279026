"""Cases of the vocabulary: for each function, the arguments it is held to on every interpreter.

Tiny, edge shapes included. Arguments are in the order of the signature. An `Input` is drawn afresh on every call;
anything else is static.
"""

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

OPERATOR_FUNCTIONS = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "negative": operator.neg,
    "getitem": operator.getitem,
}


@dataclass(frozen=True)
class Input:
    shape: tuple[int, ...]
    draw: str = "normal"  # a function below

    def __call__(self, rng: np.random.Generator) -> np.ndarray:
        return np.asarray(DRAWS[self.draw](rng, self.shape))

    @property
    def kind(self) -> str:
        return {"int": "int", "few": "int", "bool": "bool"}.get(self.draw, "float")

    @property
    def differentiated(self) -> bool:
        return self.kind == "float" and self.draw not in ("mask", "given")


def _apart(rng, shape):
    """No two elements within 0.05 of each other, none within 0.05 of 0: no discrete choice is near."""
    size = int(np.prod(shape))
    values = (np.arange(size) - size // 2 + 0.5) * 0.25 + rng.uniform(-0.1, 0.1, size)
    return rng.permutation(values).reshape(shape)


def _mask(rng, shape):
    """[B, K]: 1 for the first keys of each row, at least one, 0 behind them."""
    return (np.arange(shape[1]) < rng.integers(1, shape[1] + 1, (shape[0], 1))).astype(np.float64)


DRAWS = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "apart": _apart,
    "positive": lambda rng, shape: rng.uniform(0.5, 2.0, shape),
    "small": lambda rng, shape: rng.uniform(-0.1, 0.1, shape),
    "large": lambda rng, shape: rng.uniform(-60, 60, shape),
    "offset": lambda rng, shape: rng.standard_normal(shape) * 0.1 + 3,  # a mean far above the deviation
    "far_from_zero": lambda rng, shape: rng.uniform(0.5, 2.0, shape) * rng.choice([-1.0, 1.0], shape),
    "given": lambda rng, shape: rng.uniform(0.5, 2.0, shape),  # floats by which nothing differentiates
    "mask": _mask,
    "int": lambda rng, shape: rng.integers(-9, 50000, shape).astype(np.int32),
    "tied": lambda rng, shape: rng.integers(0, 3, shape).astype(np.float64),  # floats, many equal ones
    "few": lambda rng, shape: rng.integers(0, 3, shape).astype(np.int32),  # many equal ones
    "bool": lambda rng, shape: rng.random(shape) < 0.5,
}


@dataclass(frozen=True, eq=False)  # equal by identity: slices have no hash
class Case:
    function: str
    arguments: tuple
    fd: bool = True  # whether finite differences of the judge exist

    @property
    def inputs(self) -> list[Input]:
        return [leaf for leaf in _leaves(self.arguments) if isinstance(leaf, Input)]

    def bind(self, arrays) -> tuple:
        """The arguments with the inputs replaced by `arrays`, in order."""
        remaining = iter(arrays)
        return _replace(self.arguments, remaining)

    def __str__(self):
        return f"{self.function}({', '.join(map(_label, self.arguments))})"


def _leaves(tree):
    if isinstance(tree, tuple):
        for item in tree:
            yield from _leaves(item)
    else:
        yield tree


def _replace(tree, remaining):
    if isinstance(tree, tuple):
        return tuple(_replace(item, remaining) for item in tree)
    return next(remaining) if isinstance(tree, Input) else tree


def _label(argument) -> str:
    if isinstance(argument, Input):
        return f"{argument.draw}{list(argument.shape)}"
    if isinstance(argument, tuple):
        return f"({', '.join(map(_label, argument))})"
    if isinstance(argument, slice):
        return f"{argument.start}:{argument.stop}:{argument.step}".replace("None", "")
    return f"{argument.dtype}{list(argument.shape)}" if isinstance(argument, np.ndarray) else repr(argument)


def x(*shape: int, draw: str = "normal") -> Input:
    return Input(shape, draw)


def ints(*shape: int) -> Input:
    return Input(shape, "int")


def few(*shape: int) -> Input:
    return Input(shape, "few")


def bools(*shape: int) -> Input:
    return Input(shape, "bool")


def case(function: str, *arguments: Any, **options: Any) -> Case:
    return Case(function, arguments, **options)


apart = lambda *shape: x(*shape, draw="apart")
positive = lambda *shape: x(*shape, draw="positive")
given = lambda *shape: x(*shape, draw="given")
nonzero = lambda *shape: x(*shape, draw="far_from_zero")

OPERATOR_CASES = [
    case("add", x(3, 4), x(3, 4)),
    case("add", x(3, 4), x(4)),  # broadcast from the left
    case("add", x(2, 1, 4), x(3, 1)),  # both broadcast
    case("add", x(), x(1)),
    case("add", ints(3, 4), ints(4)),
    case("add", x(3), 1.5),
    case("add", 1, x(3)),
    case("subtract", x(1, 4), x(3, 4)),
    case("subtract", 1.0, x(3, 4)),
    case("subtract", x(3, 4), 2),
    case("subtract", ints(3), ints(3)),
    case("multiply", x(3, 4), x(3, 1)),
    case("multiply", x(3, 4), x()),
    case("multiply", -2.5, x(5)),
    case("multiply", few(3), 7),
    case("divide", x(3, 4), nonzero(4)),
    case("divide", x(3, 4), 3),
    case("divide", 2.0, nonzero(3, 4)),
    case("negative", x(3, 4)),
    case("negative", ints(3)),
    case("getitem", x(3, 4, 5), (1,)),
    case("getitem", x(3, 4, 5), (-1, slice(None), 2)),
    case("getitem", x(3, 4, 5), (slice(None), slice(1, 3))),
    case("getitem", x(3, 4, 5), (..., slice(-2, None))),
    case("getitem", x(3, 4, 5), (slice(None), slice(-3, None), 0)),
    case("getitem", x(3, 4, 5), (slice(0, 1), ..., 1)),
    case("getitem", x(6), (2,)),
    case("getitem", x(1, 1), (slice(None), slice(0, 1))),
    case("getitem", ints(3, 4), (slice(None), -1)),
]

ELEMENT_CASES = [
    case("constant", np.array([[0.5, -2.0]], np.float32)),
    case("constant", np.array(3.25, np.float64)),
    case("constant", np.arange(4, dtype=np.int32)),
    case("constant", np.array([True, False])),
    case("cast", bools(3, 4), "float"),
    case("cast", ints(5), "float"),
    case("cast", bools(3), "int"),
    case("cast", x(3, 4, draw="large"), "int"),
    case("cast", x(3, 4), "float"),
    case("cast", ints(3), "int"),
    case("exp", x(3, 4)),
    case("exp", x()),
    case("log", positive(3, 4)),
    case("sqrt", positive(3, 4)),
    case("rsqrt", positive(3, 4)),
    case("tanh", x(3, 4)),
    case("sigmoid", x(3, 4)),
    case("sigmoid", x(3, 4, draw="large")),
    case("relu", apart(3, 4)),
    case("gelu", x(3, 4)),
    case("gelu", x(1, 7, draw="large")),
    case("quick_gelu", x(3, 4)),
    case("quick_gelu", x(7, draw="large")),
    case("maximum", x(3, 4), x(3, 4)),
    case("maximum", x(3, 4), x(1, 1)),
    case("maximum", ints(4), ints(4)),
    case("minimum", x(3, 4), x(4)),
    case("minimum", x(), x()),
    case("minimum", ints(4), ints(4)),
    case("where", bools(3, 4), x(3, 4), x(3, 4)),
    case("where", bools(3, 1), x(3, 4), x()),
    case("where", bools(4), x(3, 1), x(1)),
    case("where", bools(3), ints(3), ints(3)),
    case("equal", few(3, 4), few(4)),
    case("equal", x(3, 4), x(3, 4)),
    case("less", few(3, 4), few(3, 1)),
    case("less", x(3, 4), x(4)),
    case("stop_gradient", x(3, 4), fd=False),
    case("widen", x(3, 4)),
    case("widen", ints(3)),
    case("lower", ints(3), "fp16"),  # what is lowered of floats: tests/core/test_precision.py
]

SHAPE_CASES = [
    case("reshape", x(3, 4), (2, 6)),
    case("reshape", x(), (1,)),
    case("reshape", x(1, 1), ()),
    case("reshape", x(2, 3, 4), (1, 3, 1, 8)),
    case("reshape", ints(4), (2, 2)),
    case("transpose", x(3, 4), (1, 0)),
    case("transpose", x(2, 3, 4, 5), (0, 2, 3, 1)),
    case("transpose", x(1, 2, 3, 2, 2, 2), (0, 2, 4, 1, 3, 5)),
    case("transpose", x(3), (0,)),
    case("transpose", ints(2, 3), (1, 0)),
    case("broadcast_to", x(4), (2, 3, 4)),
    case("broadcast_to", x(3, 1), (3, 4)),
    case("broadcast_to", x(), (2, 2)),
    case("broadcast_to", x(3, 4), (3, 4)),
    case("broadcast_to", ints(3, 1), (3, 2)),
    case("concat", (x(3, 4), x(2, 4)), 0),
    case("concat", (x(3, 1, 2), x(3, 4, 2), x(3, 2, 2)), 1),
    case("concat", (x(3, 1), x(3, 4)), -1),
    case("concat", (x(3, 4),), 0),
    case("concat", (ints(2), ints(3)), 0),
    case("stack", (x(3, 4), x(3, 4)), 0),
    case("stack", (x(3), x(3), x(3)), -1),
    case("stack", (x(3, 4), x(3, 4)), 1),
    case("stack", (x(), x()), 0),
    case("stack", (ints(2), ints(2)), 1),
]

REDUCTION_CASES = [
    case("sum", x(3, 4), 0),
    case("sum", x(3, 4, 5), (0, -1)),
    case("sum", x(3, 4), -1, True),
    case("sum", x(3, 4), (0, 1)),
    case("sum", x(3, 4, 5), (1,), True),
    case("sum", x(1), 0),
    case("sum", few(3, 4), 1),
    case("mean", x(3, 4), 1),
    case("mean", x(2, 3, 4, 5), (0, 2, 3), True),
    case("mean", x(3, 1), 1),
    case("mean", x(1, 4), 0, True),
    case("max", apart(3, 4), 1),
    case("max", apart(2, 3, 4), 1, True),
    case("max", apart(5), -1),
    case("max", apart(3, 1), 1),
    case("max", ints(3, 4), 0),
    case("argmax", apart(3, 4), 1),
    case("argmax", apart(3, 4, 2), -2),
    case("argmax", few(6, 8), 1),  # ties: the first counts
    case("argmax", ints(5), 0),
    case("argmax", apart(4, 1), 1),
    case("top_k", apart(3, 8), 3),
    case("top_k", apart(2, 3, 5), 5),
    case("top_k", apart(7), 1),
    case("top_k", x(3, 40, draw="tied"), 30, fd=False),  # more than short sorts keep in order; no slope at a tie
    case("top_k", few(6, 8), 4),
    case("top_k", apart(2, 1), 1),
    case("logsumexp", x(3, 4), 1),
    case("logsumexp", x(3, 4, draw="large"), 0),
    case("logsumexp", x(2, 3, 4), -2),
    case("logsumexp", x(3, 1), 1),
    case("logsumexp", x(1), 0),
]

LINEAR_CASES = [
    case("take", x(3, 4), few(5)),  # rows several times, and rows not at all
    case("take", x(3, 4), few(2, 3)),
    case("take", x(3, 1), few()),
    case("take", x(3, 2), few(1, 1)),
    case("pick", x(5, 3, 4), few(5)),
    case("pick", x(5, 3, 4), few(5, 6)),  # places several times
    case("pick", x(2, 3, 2, 5), few(2, 4)),
    case("pick", x(4, 3, 2, 2), few(4)),
    case("pick", x(4, 5), few(4)),
    case("pick", x(4, 5), few(4, 1)),
    case("pick", x(1, 3, 1), few(1, 1)),
    case("pick", ints(4, 5), few(4, 2)),
    case("matmul", x(3, 4), x(4, 5)),
    case("matmul", x(2, 3, 4), x(2, 4, 5)),
    case("matmul", x(2, 3, 1, 4), x(2, 3, 4, 1)),
    case("matmul", x(1, 1), x(1, 1)),
    case("matmul", x(1, 1, 3, 1), x(1, 1, 1, 16)),
    case("linear", x(3, 4), x(5, 4), x(5)),
    case("linear", x(2, 3, 4), x(5, 4), x(5)),
    case("linear", x(2, 3, 4), x(4, 4)),
    case("linear", x(1, 4), x(1, 4), x(1)),
    case("linear", x(4), x(5, 4), x(5)),
    case("linear", x(2, 1, 3, 1), x(2, 1), x(2)),
    case("softmax", x(3, 4), 1),
    case("softmax", x(3, 4, 2, draw="large"), 1),
    case("softmax", x(3, 4), 0),
    case("softmax", x(3, 1), -1),
    case("log_softmax", x(3, 4), 1),
    case("log_softmax", x(3, 4, 2), 0),
    case("log_softmax", x(3, 4, draw="large"), -1),
    case("log_softmax", x(3, 1), -1),
]

WINDOW_CASES = [
    case("conv2d", x(2, 3, 5, 6), x(4, 3, 3, 3), 1, 1),
    case("conv2d", x(2, 3, 8, 8), x(4, 3, 3, 3), 2, 1),  # the stem: an odd row is left over
    case("conv2d", x(2, 3, 7, 5), x(2, 3, 3, 3), 2, 1),
    case("conv2d", x(2, 3, 6, 6), x(4, 3, 2, 2), 2),
    case("conv2d", x(2, 3, 4, 4), x(5, 3, 1, 1)),
    case("conv2d", x(1, 1, 3, 3), x(1, 1, 3, 3)),
    case("conv2d", x(1, 1, 1, 1), x(2, 1, 3, 3), 1, 1),
    case("conv2d", x(2, 3, 5, 5), x(3, 1, 3, 3), 1, 1, 3),  # depth-wise
    case("conv2d", x(2, 4, 6, 6), x(4, 1, 3, 3), 2, 1, 4),
    case("conv2d", x(1, 2, 1, 1), x(2, 1, 3, 3), 1, 1, 2),
    case("conv2d", x(2, 1, 4, 4), x(1, 1, 3, 3), 1, 1, 1),
    case("conv2d", x(1, 2, 4, 4), x(2, 2, 5, 5), 1, 2),
    case("avg_pool2d", x(2, 3, 4, 6), 2),
    case("avg_pool2d", x(2, 3, 5, 7), 2),  # the rest is dropped
    case("avg_pool2d", x(1, 1, 3, 3), 3),
    case("avg_pool2d", x(2, 2, 3, 3), 1),
]

NETWORK_CASES = [
    case("l2_normalize", x(3, 4), 1e-12),
    case("l2_normalize", x(2, 3, 4), 1e-12),
    case("l2_normalize", x(3, 1, draw="far_from_zero"), 1e-12),
    case("l2_normalize", x(4), 1e-12),
    case("l2_normalize", x(3, 4, draw="small"), 0.5),  # every row shorter than eps
    case("layer_norm", x(3, 4), x(4), x(4), 1e-5),
    case("layer_norm", x(2, 3, 4), x(4), x(4), 1e-5),
    case("layer_norm", x(1, 4), x(4), x(4), 1e-6),
    case("layer_norm", x(3, 4, draw="small"), x(4), x(4), 0.01),  # eps counts
    case("layer_norm", x(3, 8, draw="offset"), x(8), x(8), 1e-5),
    case("layer_norm", x(2, 1), x(1), x(1), 0.1),  # width 1: the bias alone
    case("batch_norm", x(6, 4), x(4), x(4), 1e-5),
    case("batch_norm", x(3, 4, 2, 5), x(4), x(4), 1e-5),
    case("batch_norm", x(1, 4), x(4), x(4), 0.1),  # one row: the bias alone
    case("batch_norm", x(1, 2, 3, 3), x(2), x(2), 1e-5),
    case("batch_norm", x(4, 1, 2, 1), x(1), x(1), 1e-5),
    case("batch_norm", x(6, 4, draw="small"), x(4), x(4), 0.01),
    case("batch_norm", x(16, 4, draw="offset"), x(4), x(4), 1e-5),
    case("batch_norm_inference", x(6, 4), x(4), x(4), given(4), given(4), 1e-5),
    case("batch_norm_inference", x(3, 4, 2, 5), x(4), x(4), given(4), given(4), 1e-5),
    case("batch_norm_inference", x(1, 1), x(1), x(1), given(1), given(1), 1e-5),
    case("batch_norm_inference", x(2, 3), x(3), x(3), given(3), given(3), 0.5),
    case("attention", x(2, 3, 5, 4), x(2, 3, 5, 4), x(2, 3, 5, 4)),
    case("attention", x(2, 3, 5, 4), x(2, 3, 5, 4), x(2, 3, 5, 4), x(2, 5, draw="mask")),
    case("attention", x(2, 3, 5, 4), x(2, 3, 5, 4), x(2, 3, 5, 4), None, True),
    case("attention", x(2, 2, 5, 4), x(2, 2, 5, 4), x(2, 2, 5, 4), x(2, 5, draw="mask"), True),
    case("attention", x(2, 2, 1, 4), x(2, 2, 6, 4), x(2, 2, 6, 4), x(2, 6, draw="mask")),  # one query, as a pool has
    case("attention", x(1, 1, 1, 1), x(1, 1, 1, 1), x(1, 1, 1, 1), x(1, 1, draw="mask"), True),
]

# Lists of about equal cost: each is compiled as one program.
GROUPS = {
    "operators": OPERATOR_CASES,
    "elements": ELEMENT_CASES,
    "shapes": SHAPE_CASES,
    "reductions": REDUCTION_CASES,
    "linear": LINEAR_CASES,
    "windows": WINDOW_CASES,
    "networks": NETWORK_CASES,
}

CASES = [one for group in GROUPS.values() for one in group]

# Arrays without elements: what an inference over no records gives. Not held to MindSpore, whose LayerNorm refuses an
# axis of length 0; the data pipeline hands an engine full batches only.
EMPTY_CASES = [
    case("add", x(0, 3), x(3)),
    case("getitem", x(3, 4), (slice(0, 0),)),
    case("exp", x(0, 3)),
    case("gelu", x(0, 3)),
    case("relu", x(0, 3)),
    case("where", bools(0), x(0), x(0)),
    case("reshape", x(0, 4), (0, 2, 2)),
    case("transpose", x(0, 4), (1, 0)),
    case("concat", (x(0, 4), x(2, 4)), 0),
    case("sum", x(0, 4), 0),
    case("take", x(3, 4), few(0)),
    case("pick", x(0, 3, 4), few(0)),
    case("pick", x(0, 3, 4), few(0, 2)),
    case("top_k", x(0, 4), 2),
    case("linear", x(0, 4), x(5, 4), x(5)),
    case("matmul", x(0, 3, 4), x(0, 4, 5)),
    case("softmax", x(0, 4), 1),
    case("l2_normalize", x(0, 4), 1e-12),
    case("layer_norm", x(0, 4), x(4), x(4), 1e-5),
    case("batch_norm_inference", x(0, 4), x(4), x(4), given(4), given(4), 1e-5),
]
