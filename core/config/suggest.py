"""What was probably meant by a key or a value that is not known: by what other tools call it, then by its letters."""

import difflib

from tandemclip.core.config.keys import names, within
from tandemclip.core.config.synonyms import SYNONYMS, VALUES

CLOSE = 0.6  # difflib's own: less, and "lr" is close to "floor"
TRUTH = "YAML reads on, yes, off and no as true and false; in quotes they are words"


def meanings(key, cls) -> list[str]:
    """The keys of `cls` that other tools call `key`, or else the one that is spelt nearly so."""
    leaves = [ours.rpartition(".")[2] for ours, _ in _others(key)]
    return [leaf for leaf in dict.fromkeys(leaves) if leaf in names(cls)] or _near(key, cls)


def unknown_key(key, cls, where: str) -> str:
    """The sentence about a key that `cls` does not have. where: of the mapping that it stands in, "" for the root."""
    return f"unknown key {key!r}{f' in {where}' if where else ''}: {_meant(key, cls, where)}"


def unknown_type(name: str, known, where: str) -> str:
    """The sentence about a `type` that is none of `known`."""
    theirs = name.lower().replace("-", "_")
    if meant := [(ours, called[theirs]) for ours, called in VALUES.items() if ours in known and theirs in called]:
        one = " or ".join(repr(ours) for ours, _ in meant)
        return f"unknown value {name!r} in {where}: it is {one} here ({name} of {meant[0][1]})"
    near = difflib.get_close_matches(name.lower(), [each.lower() for each in known], 1, CLOSE)
    found = [each for each in known if [each.lower()] == near]
    hint = f"did you mean {found[0]!r}?" if found else f"it takes {', '.join(known)}"
    return f"unknown value {name!r} in {where}: {hint}"


def _meant(key, cls, where: str) -> str:
    if isinstance(key, bool):
        return TRUTH
    others = _others(key)
    for ours, whose in others:
        leaf = ours.rpartition(".")[2]
        here = leaf if leaf in names(cls) else within(cls, leaf)
        if here:
            return f"it is {here!r} here ({key} of {whose})"
    if others:
        ours, whose = others[0]
        return f"it is {ours!r} here, from the root of the config ({key} of {whose})"
    inner = within(cls, str(key))
    if inner:
        return f"it lies in {inner.rpartition('.')[0]!r}: write {_full(where, inner)}"
    near = _near(key, cls)
    return f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(names(cls)) or 'no keys'}"


def _full(where: str, key: str) -> str:
    """From the root of the config, or behind a command line's own option: "--source"."""
    path = where.partition(".")[2] if where.startswith("--") else where
    return f"{path}.{key}" if path else key


def _near(key, cls) -> list[str]:
    return difflib.get_close_matches(str(key), names(cls), 1, CLOSE)


def _others(key) -> list[tuple[str, str]]:
    """(our key from the root, whose name it is) of what other tools call `key`."""
    theirs = str(key).lower().replace("-", "_")
    return [(ours, called[theirs]) for ours, called in SYNONYMS.items() if theirs in called]
