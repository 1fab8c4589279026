"""FILIP's loss in chunks beside the same loss by the whole product of all tokens with all words: time and memory."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np

from tandemclip.core.benchmark.commands import memory
from tandemclip.core.benchmark.own_process import OwnProcess
from tandemclip.core.benchmark.report import Section, ratio
from tandemclip.core.benchmark.towers import ONE_THREAD
from tandemclip.core.benchmark.towers import measure as take_turns
from tandemclip.core.objectives.token_wise import Tokens, token_wise
from tandemclip.core.spec import Directions, Parameter, Spec, initial_weights
from tandemclip.core.training.update import AdamW

PATCHES, WORDS, WIDTH = 49, 77, 256  # ViT-B/32's, CLIP's, FILIP's
SCALE = np.float32(1 / 0.07)
TIMED, HELD = 128, 512  # pairs: what is timed in both ways, and whose memory is looked at
NODES = (("image", 0), ("text", 0))
NOTHING = np.zeros(1, np.float32)
NOTE = (
    f"{PATCHES} tokens of a picture, {WORDS} of a text, {WIDTH} numbers each, no padding, float32, one thread. Loss "
    "and gradient, CPU seconds, medians of {rounds}; the two of an engine take turns, each in a process of its own. "
    f"Ratio: of the two in one round, median and extremes. Memory: by how much the loss of {HELD} pairs, in chunks, "
    "raises the peak of a process that has the features; 0 where /proc does not tell. It is not looked at (-) on an "
    "engine that compiles: such a program holds all chunks one after another, and takes long to compile."
)


@dataclass(frozen=True)
class Features(Spec):
    """Of `count` pictures or texts: [count, tokens, WIDTH], unit rows."""

    count: int
    tokens: int

    def parameters(self):
        return {"rows": Parameter((self.count, self.tokens, WIDTH), Directions())}

    def forward(self, ops, p, nothing):
        return p["rows"] * 1.0  # a node, whose gradient can be asked for


@dataclass(frozen=True)
class Pairs(Spec):
    count: int
    patches: int = PATCHES
    words: int = WORDS

    def children(self):
        return {"image": Features(self.count, self.patches), "text": Features(self.count, self.words)}

    def in_chunks(self, ops, p, nothing):
        mask = ops.constant(np.ones((self.count, self.words), np.float32))
        loss = token_wise(ops, Tokens(p.image(nothing), p.text(nothing), mask), ops.constant(SCALE))
        return ops.reshape(loss, (1,))

    def whole(self, ops, p, nothing):
        n, flat = self.count, lambda x: ops.reshape(x, (x.shape[0] * x.shape[1], WIDTH))
        product = ops.matmul(flat(p.image(nothing)), ops.transpose(flat(p.text(nothing)), (1, 0)))
        product = ops.reshape(product, (n, self.patches, n, self.words))
        i2t, t2i = ops.mean(ops.max(product, 3), 1), ops.mean(ops.max(product, 1), 2)  # [n, n], pictures by texts
        own = ops.constant(np.eye(n, dtype=np.float32))
        found = ops.log_softmax(i2t * SCALE, 1) + ops.log_softmax(t2i * SCALE, 0)
        return ops.reshape(ops.sum(found * own, (0, 1)) / (-2.0 * n), (1,))


def maker(load: Callable, name: str, pairs: Pairs, function: str) -> tuple[int, Callable[[], float]]:
    """For `OwnProcess`, on one engine: the bytes by which a first call raised the peak, and what a call is, in CPU
    seconds.

    load: gives the engine's class by its name. function: "in_chunks" or "whole".
    """
    os.environ.update(ONE_THREAD)  # before the engine is loaded, which reads them
    engine_class = load(name)
    engine_class.join()
    engine = engine_class(pairs, initial_weights(pairs, 0), AdamW())
    peak = lambda: memory(os.getsid(0)).get(os.getpid(), 0)

    def seconds() -> float:
        begin = time.process_time()
        engine.node_gradients(function, (NOTHING,), NODES)
        return time.process_time() - begin

    before = peak()
    seconds()
    return peak() - before, seconds


@dataclass(frozen=True)
class Found:
    """CPU seconds in each round, and bytes; None where they were not looked at."""

    in_chunks: list[float]
    whole: list[float]
    memory: int | None


def measure(
    load: Callable,
    engines: dict[str, bool],
    rounds: int,
    done: Callable[[], None],
    timed: int = TIMED,
    held: int = HELD,
) -> dict[str, Found]:
    """engines: by name, whether it compiles. done: called for each round of each engine."""
    found = {}
    for name, compiles in engines.items():
        extra = None
        if not compiles:
            with OwnProcess(maker, load, name, Pairs(held), "in_chunks") as process:
                extra = process.info
        ways = {way: OwnProcess(maker, load, name, Pairs(timed), way) for way in ("in_chunks", "whole")}
        found[name] = Found(**take_turns(ways, rounds, done), memory=extra)
    return found


def section(found: dict[str, Found]) -> Section:
    rows = tuple(
        (
            name,
            f"{median(each.in_chunks):.2f} s",
            f"{median(each.whole):.2f} s",
            ratio(each.in_chunks, each.whole),
            "-" if each.memory is None else f"{each.memory / 2**20:.0f} MiB",
        )
        for name, each in found.items()
    )
    columns = ("engine", f"{TIMED} pairs in chunks", "whole", "ratio", f"memory of {HELD} pairs")
    return Section("FILIP's loss", NOTE.format(rounds=len(next(iter(found.values())).whole)), columns, rows)
