"""A data set by name: what is asked, what is learned from, and which figure papers report of it."""

from dataclasses import dataclass
from typing import Literal

from tandemclip.core.bounds import Count
from tandemclip.core.config import shipped
from tandemclip.core.config.build import build
from tandemclip.core.config.yaml_file import read_mapping
from tandemclip.core.config.yaml_text import Whole
from tandemclip.core.data.sources.class_names import FOLDER as NAMES_FOLDER
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError
from tandemclip.core.training.evaluation import Evaluation

ROLES = ("source", "learn", "validation")
DATA, NAMES = "$DATA", "$NAMES"  # how paths begin: where the data lie, and the lists of class names that ship
WHAT = "data set"


@dataclass(frozen=True)
class Images:
    """How many images the official archive has in each role; null: nobody says.

    source, learn, validation: of the role of that name.
    """

    source: Count | None = None
    learn: Count | None = None
    validation: Count | None = None


@dataclass(frozen=True)
class DataSet:
    """What `configs/evaluate/sets/NAME.yaml` describes.

    title: what a table calls it. metric: the figure that papers report of it; a retrieval has several, and this one
    first. source: what is asked. learn: what is learned from, by protocols that learn. validation: what
    hyper-parameters are chosen on; it has no image of the other two. images: how many the official archive has.
    origin: where it comes from, and what to unpack where.
    """

    title: str
    metric: Literal["top1", "mean_per_class", "map11", "roc_auc", "i2t/R@1"]
    origin: str
    source: Source
    learn: Source | None = None
    validation: Source | None = None
    images: Images = Images()

    @property
    def roles(self) -> dict[str, Source]:
        """Those of ROLES that it has."""
        found = {role: getattr(self, role) for role in ROLES}
        return {role: source for role, source in found.items() if source is not None}

    def remarks(self, protocol: Evaluation) -> tuple[str, ...]:
        """A sentence for each role that this protocol reads and that has another number of images than the official
        archive. The others need not be there: zero-shot asks for nothing to learn from.
        """
        read = vars(protocol)  # by field; an option may have put another source in a role's place
        counted = {
            role: (len(source), getattr(self.images, role))
            for role, source in self.roles.items()
            if read.get(role) is source
        }
        return tuple(
            f"{role} of {self.title} has {found:,} images, and the official archive {expected:,}"
            for role, (found, expected) in counted.items()
            if expected is not None and found != expected
        )


def read_data_set(given: str, data_root: str) -> DataSet:
    """given: the name of one that ships, or a YAML file. data_root: the folder that `$DATA` in its paths stands for.

    Nothing of the data is read. Raises UserError, of all mistakes at once.
    """
    mapping, where = _read(given, data_root)
    return build(DataSet, mapping, where)


def for_training(given: str, data_root: str) -> dict:
    """What is laid over a configuration, so that a run learns from `learn` of this data set and is evaluated on its
    `source`. Raises UserError where it has no `learn`.
    """
    mapping, where = _read(given, data_root)
    data_set = build(DataSet, mapping, where)
    if data_set.learn is None:
        raise UserError(
            f"{where} has {', '.join(data_set.roles)} alone, and a run learns from `learn`; take a data set that has it"
        )
    return {"data": {"train": Whole(mapping["learn"]), "evaluate": Whole(mapping["source"])}}


def _read(given: str, data_root: str) -> tuple[dict, str]:
    """-> the mapping of a data set with its places, and what it is called in messages"""
    path = shipped.data_set(given)
    mapping = read_mapping(path, WHAT, "title, metric, origin and source")
    places = {DATA: str(data_root), NAMES: str(NAMES_FOLDER)}
    return _placed(mapping, places), f"{shipped.SETS}/{path.stem}"


def _placed(value, places: dict[str, str]):
    """The same with every text that begins with one of `places` and a slash led to where that is."""
    if isinstance(value, dict):
        return {key: _placed(each, places) for key, each in value.items()}
    if isinstance(value, list):
        return [_placed(each, places) for each in value]
    first, slash, rest = value.partition("/") if isinstance(value, str) else ("", "", "")
    return f"{places[first]}/{rest}" if slash and first in places else value
