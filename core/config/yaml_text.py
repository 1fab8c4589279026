"""YAML as everybody expects it, and how one mapping is laid over another."""

import re

import yaml


class _Loader(yaml.SafeLoader):
    """YAML 1.1 reads 1e-3 as a string for want of a dot and a sign; learning rates are written like that."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def parse(text: str):
    """Raises yaml.YAMLError."""
    return yaml.load(text, Loader=_Loader)


class Whole(dict):
    """A mapping that replaces the one it is laid over."""


def merge(base: dict, over: dict) -> dict:
    """Keys of `over` win; mappings are merged, so that {a: {b: 1}} leaves a.c alone, unless they are `Whole`."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict) and not isinstance(value, Whole)
        merged[key] = merge(merged[key], value) if both else value
    return merged
