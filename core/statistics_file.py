"""The file that holds what metrics are made of, image by image: hits.safetensors of a run."""

from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from tandemclip.core.errors import UserError
from tandemclip.core.hits import Hits
from tandemclip.core.scored import AveragePrecision, RocAuc
from tandemclip.core.statistic import Statistic
from tandemclip.core.whole_file import whole_file

KINDS: dict[str, type[Statistic]] = {"hits": Hits, "average_precision": AveragePrecision, "roc_auc": RocAuc}


def save(path: Path, metrics: dict[str, Statistic]) -> None:
    """One array a metric, its kind in the file's metadata. What guessing gets is not in it: metrics.json has that."""
    names = {kind: name for name, kind in KINDS.items()}
    kinds = {name: names[type(each)] for name, each in metrics.items()}
    with whole_file(path) as file:
        file.write(safetensors.numpy.save({name: each.array() for name, each in metrics.items()}, kinds))


def load(path: Path) -> dict[str, Statistic]:
    """In the order of their names. Files of before there were several kinds hold hits."""
    try:
        with safetensors.safe_open(path, "np") as file:
            kinds = file.metadata() or {}
            return {name: _made(kinds.get(name, "hits"), file.get_tensor(name), path) for name in file.keys()}
    except (OSError, safetensors.SafetensorError) as error:
        raise UserError(f"{path} cannot be read ({error}); remove it and evaluate that run again") from error


def _made(kind: str, array: np.ndarray, path: Path) -> Statistic:
    if kind not in KINDS:
        raise UserError(f"{path} holds a metric of the kind {kind!r}; expected one of {', '.join(KINDS)}: update")
    return KINDS[kind].of_array(array)
