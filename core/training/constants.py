"""Constants that decide what a part's weights mean, compared between a checkpoint's configuration and one's own.

Only plain values are read of the stored configuration, with the defaults of classes of ours: nothing that it names is
imported.
"""

import dataclasses
import json
import typing
from dataclasses import dataclass, field

from tandemclip.core.config.build import build
from tandemclip.core.config.import_path import import_class
from tandemclip.core.config.moved import current
from tandemclip.core.config.registry import known
from tandemclip.core.data.sources.class_names import first_difference
from tandemclip.core.data.tokenizers.tokenizer import Tokenizer
from tandemclip.core.data.views.crop import Crop

# what names and shapes tell, which are checked by themselves, and what only training asks for
FREE = {*"resolution embed_dim width layers depths vocab_size context_length".split()} | {
    *"roi frozen_patches drop_path initial max_positions token_types".split()
}
CROP = ("mean", "std", "resize")  # how a picture is normalised and made small
ABSENT = "not in it"


@dataclass
class Compared:
    """names: all that was looked at. differing: {name: (in the checkpoint, here)}. unknown: what the checkpoint does
    not say, as its configuration names a class that is none of ours.
    """

    names: list[str] = field(default_factory=list)
    differing: dict[str, tuple[object, object]] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    def note(self, name: str, theirs, ours) -> None:
        self.names.append(name)
        if theirs != ours:
            self.differing[name] = (theirs, ours)


def compare(
    state: dict, method, tokenizer: Tokenizer | None, parts: set[str], class_names: tuple[str, ...] | None = None
) -> Compared:
    """state: of the checkpoint. method, tokenizer: this run's. parts: those children of the method that are taken from
    there. class_names: what this run's classes are called, () where nobody says; None: nothing of `Method.of_classes`
    is taken.
    """
    found, stored = Compared(), _mapping(state.get("config", {}).get("method", {}))
    own = {each.name for each in dataclasses.fields(method)}
    for name in sorted(parts & method.nodes.keys()):
        if name in own:
            _compare_fields(found, name, stored.get(name, {}), method.nodes[name])
        else:
            found.unknown.append(name)  # a part that the method makes by itself: no configuration tells its constants
    if "image" in parts:
        _compare_crop(found, stored, method)
    if "text" in parts and tokenizer is not None:
        _compare_vocabulary(found, state.get("tokenizer"), tokenizer)
    if class_names is not None:
        _compare_classes(found, tuple(state.get("class_names") or ()), class_names)
    return found


def _compare_classes(found: Compared, theirs: tuple[str, ...], ours: tuple[str, ...]) -> None:
    if theirs and ours:
        found.note("classes", *(first_difference(theirs, ours) if theirs != ours else ("equal", "equal")))
    else:
        found.names.append("classes")
        found.unknown.append("classes")


def _compare_fields(found: Compared, where: str, stored, own) -> None:
    stored = _mapping(stored)
    cls, theirs = _with_defaults(stored, type(own))
    if cls is None:
        found.unknown.append(f"{where}.type")
    else:
        found.note(f"{where}.type", cls.__name__, type(own).__name__)
    for each in dataclasses.fields(own):
        name, ours = f"{where}.{each.name}", getattr(own, each.name)
        if each.name in FREE:
            continue
        if each.name in theirs:
            found.note(name, _plain(theirs[each.name]), _plain(ours))
        elif cls is None or cls is type(own):
            found.names.append(name)
            found.unknown.append(name)


def _compare_crop(found: Compared, stored: dict, method) -> None:
    """The crop that inference follows: the first one of either method."""
    own = next((name for name, value in vars(method).items() if isinstance(value, Crop)), None)
    if own is None:
        return
    cls, theirs = _with_defaults(stored, type(method))
    name = own if cls is None else next((n for n, hint in typing.get_type_hints(cls).items() if hint is Crop), own)
    if name not in theirs:
        found.unknown += [f"{own}.{constant}" for constant in CROP]
        return
    crop = theirs[name] if isinstance(theirs[name], Crop) else build(Crop, theirs[name], name, stored=True)
    for constant in CROP:
        found.note(
            f"{own}.{constant}", _plain(getattr(crop, constant)), _plain(getattr(getattr(method, own), constant))
        )


def _compare_vocabulary(found: Compared, stored: str | None, tokenizer: Tokenizer) -> None:
    if stored is None:
        found.unknown.append("tokenizer")
        return
    theirs, ours = json.loads(stored), json.loads(tokenizer.to_json())
    one, other = _ids(theirs), _ids(ours)
    word = min((word for word in {**one, **other} if one.get(word) != other.get(word)), default=None)
    say = lambda each, ids: each["kind"] if word is None else f"{each['kind']}, {word!r} is {ids.get(word, ABSENT)}"
    found.note("tokenizer", say(theirs, one), say(ours, other))
    if theirs != ours:
        found.differing.setdefault("tokenizer", (say(theirs, one), f"{say(ours, other)} with other rules"))


def _ids(tokenizer: dict) -> dict[str, int]:
    """{word: id} of a trained vocabulary."""
    return tokenizer.get("tokenizer", {}).get("model", {}).get("vocab", {})


def _with_defaults(stored: dict, own: type) -> tuple[type | None, dict]:
    """The class that a stored mapping names, if it is `own` or one of ours; its fields, with those left to defaults."""
    kind = current(str(stored.get("type", "")))
    table = {name: entry for base in own.__mro__ for name, entry in known(base).items()}
    place, fields = table.get(kind, (kind, {}))
    if place == f"{own.__module__}:{own.__qualname__}":
        cls = own
    elif place in {ours for ours, _ in table.values()}:
        cls = import_class(place, "type")
    else:
        return None, stored
    return cls, {**_defaults(cls), **fields, **stored}


def _defaults(cls: type) -> dict:
    return {each.name: each.default for each in dataclasses.fields(cls) if each.default is not dataclasses.MISSING}


def _mapping(stored) -> dict:
    return {"type": stored} if isinstance(stored, str) else stored


def _plain(value):
    """As JSON has it."""
    if dataclasses.is_dataclass(value):
        return {name: _plain(each) for name, each in vars(value).items()}
    return [_plain(each) for each in value] if isinstance(value, (tuple, list)) else value
