"""One of the processes of a launch: gradients, losses and states of batches in pieces, for several configurations.

    torchrun --nproc-per-node 2 worker.py torch 1,2,4 OUT CONFIG ...
    msrun --worker_num 2 ... worker.py mindspore 1,2 OUT CONFIG ...

The first rank writes OUT/NAME.json and OUT/NAME.npz of every configuration NAME.yaml, each rank OUT/NAME.RANK.json.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from tandemclip import backends
from tandemclip.core.data.loading.loader import batches
from tandemclip.core.methods.features import Elapsed
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.engine import Rates
from tandemclip.core.training.global_batch import backward
from tandemclip.core.training.ranks import Alone
from tandemclip.core.training.start import tokenizer_of

STEPS = 5
LATE = Elapsed(0.7, 0.75)  # in the second of two phases


def main(backend, counts, out, *configs):
    engine_class = backends.load(backend)
    ranks = engine_class.join()
    for path in configs:
        found, gradients, states = measure(engine_class, ranks, [int(n) for n in counts.split(",")], Path(path))
        name = Path(out) / Path(path).stem
        Path(f"{name}.{ranks.rank}.json").write_text(json.dumps(states))
        if ranks.rank == 0:
            np.savez(f"{name}.npz", **{f"{key}/{n}": g for key, named in gradients.items() for n, g in named.items()})
            Path(f"{name}.json").write_text(json.dumps(found))


def measure(engine_class, ranks, counts, path):
    """{"one" or pieces: terms and losses}, {the same: gradients}, {pieces: hash of this rank's state}."""
    config, _ = read(path)
    method, settings = config.method, config.training
    weights = initial_weights(method, settings.seed)
    make = engine_class.float64 if engine_class.capabilities.float64 else engine_class
    engine, alone = (make(method, weights, settings.update, ranks=which) for which in (ranks, Alone()))

    def read_batches(rank, size):
        return list(
            batches(
                config.data.train, engine.views, tokenizer_of(config), batch_size=settings.batch_size,
                seed=0, start_step=0, stop_step=STEPS, rank=rank, ranks=size,
            )
        )  # fmt: skip

    whole, own = read_batches(0, 1), read_batches(ranks.rank, ranks.size)
    runs = {"one": run(alone, weights, settings, lambda step: backward(alone, whole[step], LATE))}
    for count in counts:
        pieces = lambda step, n=count: backward(engine, own[step], LATE, accumulate=n)
        runs[str(count)] = run(engine, weights, settings, pieces)
    gradients, states = ({key: found.pop(part) for key, found in runs.items()} for part in ("gradients", "state"))
    return {"size": ranks.size, **runs}, gradients, states | {"initial": digest(weights)}


def run(engine, weights, settings, step_backward):
    """Terms and gradients of the first batch, the losses of a few steps, and a hash of the state after them."""
    engine.load(weights)
    losses, first = [], None
    for step in range(STEPS):
        result = step_backward(step)
        first = first or (engine.named_gradients(result), result.terms)
        losses.append(result.terms["loss"])
        engine.update(result, Rates(settings.learning_rate, *settings.update.corrections(step + 1)))
    state = {**engine.weights(), **engine.moments()}
    return {"gradients": first[0], "terms": first[1], "losses": losses, "state": digest(state)}


def digest(arrays):
    return {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in arrays.items()}


if __name__ == "__main__":
    main(*sys.argv[1:])
