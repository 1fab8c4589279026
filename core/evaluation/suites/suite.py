"""Which protocols measure a model on which data sets."""

from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any

from annotated_types import MinLen

from tandemclip.core.config import shipped
from tandemclip.core.config.build import build
from tandemclip.core.config.import_path import import_class
from tandemclip.core.config.keys import is_required, key_of
from tandemclip.core.config.registry import TYPES, WITHIN
from tandemclip.core.config.suggest import unknown_type
from tandemclip.core.config.yaml_file import read_mapping
from tandemclip.core.errors import Collected, UserError
from tandemclip.core.evaluation.suites.data_set import ROLES, DataSet
from tandemclip.core.training.evaluation import Evaluation

WHAT = "suite"


@dataclass(frozen=True)
class Suite:
    """What `configs/evaluate/NAME.yaml` describes.

    sets: a list of the protocols of each data set: the `type` of each, or a mapping with that and what else the
    protocol takes. `read_suite` checks them one by one, so that a message can name the one that is wrong.
    """

    sets: Annotated[dict[str, Any], MinLen(1)]

    def entries(self, name: str) -> tuple[dict[str, Any], ...]:
        """The protocols of the data set of this name, each as a mapping with a `type`."""
        return tuple({"type": each} if isinstance(each, str) else each for each in self.sets[name])


def read_suite(given: str) -> Suite:
    """given: the name of one that ships, or a YAML file. Raises UserError of all mistakes at once."""
    path, mistakes = shipped.suite(given), Collected()
    where = f"{shipped.EVALUATE}/{path.stem}"
    suite = build(Suite, read_mapping(path, WHAT, "sets"), where)
    for name, listed in suite.sets.items():
        place = f"{where}.sets.{name}"
        with mistakes.noted():
            shipped.data_set(name)
        with mistakes.noted():
            if not isinstance(listed, list) or not listed:
                raise UserError(f"{place} is {listed!r}, expected a list of one protocol or more, such as [zero_shot]")
            for number, entry in enumerate(suite.entries(name)):
                with mistakes.noted():
                    _protocol(entry, f"{place}[{number}]")
    mistakes.tell()
    return suite


def protocol_of(entry: dict[str, Any], data_set: DataSet, where: str) -> Evaluation:
    """The protocol of an entry, with those roles of the data set that it has as fields.

    where: the entry's place, for messages. Raises UserError for an option that the protocol does not take, and where
    the set lacks what it needs.
    """
    wanted = {key_of(field): is_required(field) for field in fields(_protocol(entry, where)) if field.name in ROLES}
    there = {*data_set.roles, *entry}
    if missing := [role for role, needed in wanted.items() if needed and role not in there]:
        raise UserError(
            f"{where}: {entry['type']} needs `{missing[0]}`, and the data set {data_set.title} has "
            f"{', '.join(data_set.roles)} alone; take another protocol, or a data set that has it"
        )
    roles = {role: source for role, source in data_set.roles.items() if role in wanted}
    return build(Evaluation, {**roles, **entry}, where)


def _protocol(entry: dict[str, Any], where: str) -> type:
    """The class that an entry's `type` names. The type of a source is none here: the data set has the sources."""
    protocols = TYPES["training.evaluation:Evaluation"]
    name = entry.get("type") if isinstance(entry, dict) else None
    if not isinstance(name, str):
        raise UserError(f"{where} is {entry!r}, expected a protocol or a mapping with a `type`: {', '.join(protocols)}")
    if name not in protocols and not all(name.partition(":")):
        raise UserError(unknown_type(name, protocols, f"{where}.type"))
    found = import_class(WITHIN + protocols[name] if name in protocols else name, f"{where}.type")
    if not (is_dataclass(found) and isinstance(found, type) and issubclass(found, Evaluation)):
        raise UserError(f"{where}.type {name!r} is no protocol; expected a dataclass that is an Evaluation")
    return found
