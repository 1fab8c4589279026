"""One of the processes of test_ranks.py: gradients and losses of a batch in pieces, written down by the first rank.

torchrun --nproc-per-node 2 worker.py torch CONFIG OUT          msrun --worker_num 2 ... worker.py mindspore CONFIG OUT
"""

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
from tandemclip.core.training.start import tokenizer_of

STEPS = 5
HALF = Elapsed(0.5, 0.5)


def main(backend, config_path, out):
    config, _ = read(Path(config_path))
    method, settings = config.method, config.training
    weights = initial_weights(method, settings.seed)
    engine_class = backends.load(backend)
    make = engine_class.float64 if engine_class.capabilities.float64 else engine_class
    engine = make(method, weights, settings.update, ranks=engine_class.join())

    def read_batches(rank, ranks):
        return list(
            batches(
                config.data.train, engine.views, tokenizer_of(config), batch_size=settings.batch_size,
                seed=0, start_step=0, stop_step=STEPS, rank=rank, ranks=ranks,
            )
        )  # fmt: skip

    whole, own = read_batches(0, 1), read_batches(engine.ranks.rank, engine.ranks.size)
    found = {
        "size": engine.ranks.size,
        "one": run(engine, weights, settings, lambda step: engine.backward(whole[step], HALF)),
    }
    for count in (1, 2, 4):
        found[str(count)] = run(
            engine, weights, settings, lambda step, n=count: backward(engine, own[step], HALF, accumulate=n)
        )
    if engine.ranks.rank == 0:
        gradients = {key: value.pop("gradients") for key, value in found.items() if key != "size"}
        np.savez(f"{out}.npz", **{f"{key}/{name}": g for key, named in gradients.items() for name, g in named.items()})
        Path(out).write_text(json.dumps(found))


def run(engine, weights, settings, step_backward):
    """Gradients of the first batch, and the losses of a few steps."""
    engine.load(weights)
    losses, gradients = [], None
    for step in range(STEPS):
        result = step_backward(step)
        if gradients is None:
            gradients, terms = engine.named_gradients(result), result.terms
        losses.append(result.terms["loss"])
        engine.update(result, Rates(settings.learning_rate, *settings.update.corrections(step + 1)))
    return {"gradients": gradients, "losses": losses, "terms": terms}


if __name__ == "__main__":
    main(*sys.argv[1:])
