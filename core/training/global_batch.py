"""The gradient of one big batch from pieces of it, over slices of memory and over ranks: exact, for any method.

A contrastive loss does not divide into the losses of pieces: every sample is a negative of every other. So (GradCache,
Gao et al. 2021, over ranks too):

    1. encode every piece, and gather the shared features of all ranks     features [N, D]
    2. where the method has a choice, make it on the host                  features.chosen
    3. the loss of all of them, each rank its own rows                     terms, d loss / d features, d loss / d scale
    4. add up d loss / d features over the ranks, and keep the own rows
    5. encode every piece again, with its rows of that as the cotangent    gradients
    6. add up the gradients over the ranks

The result is that of the whole batch on one device, logit_scale included. Local features stay on their rank, and so do
their cotangents. A BatchNorm in a tower is the exception: it sees a piece at a time, in training and in its running
statistics, which are averaged over the ranks. What the loss writes into buffers comes of gathered features, and is
equal on every rank.
"""

from math import prod

import numpy as np

from tandemclip.core.methods.features import CHOSEN, Elapsed
from tandemclip.core.ops import Array
from tandemclip.core.training.engine import Arrays, Backward, Differentiated, Encoded, Engine


def backward(
    engine: Engine,
    batch: Arrays,
    elapsed: Elapsed,
    *,
    accumulate: int = 1,
    scale: float = 1.0,
    chosen: Arrays | None = None,
) -> Backward:
    """Terms and gradients of the batch that the rows of all ranks make up together.

    batch: this rank's rows, which are computed in `accumulate` equal pieces. scale: of the gradients, for fp16. chosen:
    choices that were made elsewhere and take the place of the method's, on one rank in one piece.
    """
    method, ranks = engine.method, engine.ranks
    if not engine.capabilities.fixed_shapes:
        batch = _cut(engine, batch)
    if chosen is not None:
        batch, single = batch | {CHOSEN + name: array for name, array in chosen.items()}, True
    else:
        single = accumulate == 1 and ranks.size == 1 and not method.chooses_by
    if single:
        return engine.backward(batch, elapsed, scale)
    parts = pieces(batch, accumulate)
    encoded, statistics = _encoded(engine, parts)
    features = _everybody(engine, encoded)
    features |= _choices(engine, features)
    own = _rows(batch)
    rows = None if ranks.size == 1 else (ranks.rank * own, (ranks.rank + 1) * own)
    statistics = _averaged(engine, statistics)
    found = engine.differentiate(
        features, elapsed, count=ranks.size * own, rows=rows, statistics=statistics, scale=scale
    )
    gradients = _pulled_back(engine, encoded, found)
    terms = _over_ranks(engine, found.terms)
    vectors = [ranks.sum(vector) for vector in engine.flatten(gradients)]
    return engine.collect(terms, vectors, statistics | found.written, scale)


def pieces(batch: Arrays, count: int) -> list[Arrays]:
    """A rank's rows in `count` equal parts."""
    rows = _rows(batch) // count
    return [{name: array[i * rows : (i + 1) * rows] for name, array in batch.items()} for i in range(count)]


def _rows(batch: Arrays) -> int:
    return len(next(iter(batch.values())))


def _cut(engine: Engine, batch: Arrays) -> Arrays:
    """Texts of one length on all ranks and in all pieces: features of tokens are laid end to end."""
    length, ranks = engine.method.length(batch), engine.ranks
    if length is None:
        return batch
    if ranks.size > 1:
        lengths = ranks.gather(engine.ops.constant(np.array([length], np.int32)))
        length = int(engine.to_host(lengths).max())
    return engine.method.cut(batch, length)


def _encoded(engine: Engine, parts: list[Arrays]) -> tuple[list[Encoded], dict[str, Array]]:
    """Every piece, and the buffers as the last one leaves them: each reads what the one before has written."""
    encoded: list[Encoded] = []
    statistics: dict[str, Array] = {}
    for part in parts:
        encoded.append(engine.encode(part, statistics, keep=len(parts) == 1))
        statistics = {**statistics, **encoded[-1].statistics}
    return encoded, statistics


def _everybody(engine: Engine, encoded: list[Encoded]) -> dict[str, Array]:
    """Rows are laid end to end in the order of the batch, of all ranks where shared; sums and counts are added up."""
    everybody = {}
    for name in encoded[0].features:
        arrays = [piece.features[name] for piece in encoded]
        if name.startswith("local:"):
            everybody[name] = engine.ops.concat(arrays, 0)
        elif name.startswith("shared:"):
            everybody[name] = engine.ranks.gather(engine.ops.concat(arrays, 0))
        else:
            everybody[name] = engine.ranks.sum(sum(arrays[1:], arrays[0]))
    return everybody


def _choices(engine: Engine, features: dict[str, Array]) -> dict[str, Array]:
    """What the method chooses on the host, as arrays of the engine; no host call stands in a program."""
    method = engine.method
    if not method.chooses_by:
        return {}
    chosen = method.choose({name: engine.to_host(features[f"local:{name}"]) for name in method.chooses_by})
    arrays = {CHOSEN + name: engine.ops.constant(array) for name, array in chosen.items()}
    gathered = {CHOSEN + name for name in method.gathered}
    return {name: engine.ranks.gather(x) if name in gathered else x for name, x in arrays.items()}


def _averaged(engine: Engine, statistics: dict[str, Array]) -> dict[str, Array]:
    size = engine.ranks.size
    return {name: x / size for name, x in _over_ranks(engine, statistics).items()} if size > 1 else statistics


def _pulled_back(engine: Engine, encoded: list[Encoded], found: Differentiated) -> dict[str, Array]:
    """The gradient of the weights through the features, added to that of the loss itself, by name."""
    ranks, count, gradients = engine.ranks, len(encoded), dict(found.gradients)
    local = {name: x for name, x in found.cotangents.items() if name.startswith("local:")}
    others = _over_ranks(engine, {name: x for name, x in found.cotangents.items() if name not in local})
    for i, piece in enumerate(encoded):
        own = {name: _part(x, i, count) for name, x in local.items()}
        for name, x in others.items():  # a sum's cotangent is every piece's
            own[name] = _part(x, ranks.rank * count + i, ranks.size * count) if name.startswith("shared:") else x
        for name, gradient in (engine.pull_back(piece, own) if own else {}).items():
            gradients[name] = gradients[name] + gradient if name in gradients else gradient
    return gradients


def _part(x: Array, place: int, places: int) -> Array:
    rows = x.shape[0] // places
    return x[place * rows : (place + 1) * rows]


def _over_ranks(engine: Engine, arrays: dict[str, Array]) -> dict[str, Array]:
    """Each summed over the ranks, in one message: a collective a small array costs more than its bytes."""
    ranks, ops = engine.ranks, engine.ops
    if ranks.size == 1 or not arrays:
        return arrays
    sizes = {name: prod(x.shape) for name, x in arrays.items()}
    total, start, found = ranks.sum(ops.concat([ops.reshape(x, (sizes[n],)) for n, x in arrays.items()], 0)), 0, {}
    for name, x in arrays.items():
        found[name] = ops.reshape(total[start : start + sizes[name]], x.shape)
        start += sizes[name]
    return found
