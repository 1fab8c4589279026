"""The gradient of one big batch from pieces of it, over slices of memory and over ranks: exact, for any method.

A contrastive loss does not divide into the losses of pieces: every sample is a negative of every other. So (GradCache,
Gao et al. 2021, over ranks too):

    1. encode every piece, and gather the features of all ranks            features [N, D]
    2. the loss of all of them, each rank its own rows                     terms, d loss / d features, d loss / d scale
    3. add up d loss / d features over the ranks, and keep the own rows
    4. encode every piece again, with its rows of that as the cotangent    gradients
    5. add up the gradients over the ranks

The result is that of the whole batch on one device, logit_scale included. A BatchNorm is the exception: it sees a piece
at a time, in training and in its running statistics, which are averaged over the ranks.
"""

from tandemclip.core.training.engine import Arrays, Backward, Engine


def pieces(batch: Arrays, count: int) -> list[Arrays]:
    """A rank's rows in `count` equal parts."""
    rows = len(next(iter(batch.values()))) // count
    return [{name: array[i * rows : (i + 1) * rows] for name, array in batch.items()} for i in range(count)]


def backward(engine: Engine, parts: list[Arrays], progress: float, scale: float = 1.0) -> Backward:
    """Terms and gradients of the batch that the `parts` of all ranks make up together; scale: of the gradients, for
    fp16.
    """
    ranks = engine.ranks
    if len(parts) == 1 and ranks.size == 1:
        return engine.backward(parts[0], progress, scale)
    encoded, statistics = [], {}
    for part in parts:
        encoded.append(engine.encode(part, statistics, keep=len(parts) == 1))
        statistics = {**statistics, **encoded[-1].statistics}
    features = {name: _everybody(engine, name, [e.features[name] for e in encoded]) for name in encoded[0].features}
    terms, gradients, cotangents = engine.differentiate(features, _own_rows(ranks, features), progress, scale)
    cotangents = {name: ranks.sum(x) for name, x in cotangents.items()}
    for i, piece in enumerate(encoded):
        own = {
            name: _of_piece(name, x, ranks.rank * len(parts) + i, ranks.size * len(parts))
            for name, x in cotangents.items()
        }
        gradients = [a + b for a, b in zip(gradients, engine.pull_back(piece, own))]
    terms = {name: ranks.sum(term) for name, term in terms.items()}
    statistics = {name: ranks.sum(array) / ranks.size for name, array in statistics.items()}
    return engine.collect(terms, [ranks.sum(vector) for vector in gradients], statistics, scale)


def _everybody(engine, name, arrays):
    """Rows are laid end to end, in the order of the batch; sums and counts are added up."""
    if name.startswith("shared:"):
        return engine.ranks.gather(engine.ops.concat(arrays, 0))
    return engine.ranks.sum(sum(arrays[1:], arrays[0]))


def _own_rows(ranks, features) -> tuple[int, int] | None:
    """None where one rank has all rows."""
    if ranks.size == 1:
        return None
    count = next(x.shape[0] for name, x in features.items() if name.startswith("shared:")) // ranks.size
    return ranks.rank * count, (ranks.rank + 1) * count


def _of_piece(name, cotangent, place, places):
    """The rows of one piece of all the ranks' `places`; a sum's cotangent is every piece's."""
    if not name.startswith("shared:"):
        return cotangent
    rows = cotangent.shape[0] // places
    return cotangent[place * rows : (place + 1) * rows]
