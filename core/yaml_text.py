"""YAML as everybody expects it."""

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
