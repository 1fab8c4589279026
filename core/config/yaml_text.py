"""YAML as everybody expects it, and how one mapping is laid over another.

YAML 1.1 reads 1e-3 as text for want of a dot, 0100 as 64, 12:30 as 750, and 2024-05-01 as a date. Here the first is a
number and the others are text, which a field that wants a number refuses. A key stands once in a mapping, and nothing
holds itself.
"""

import re
from collections.abc import Hashable

import yaml

from tandemclip.core.errors import UserError

NUMBERS = {
    "int": r"[-+]?(?:0|[1-9][0-9_]*)|0x[0-9a-fA-F]+|0b[01]+",
    "float": r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)"
    r"|\.(?:nan|NaN|NAN)",
}
MERGE = "tag:yaml.org,2002:merge"
QUOTE = 'quote what is text: key: "a: b"'
# What to do about a fault, by what the parser says of it; else QUOTE.
HINTS = {
    r"'\t'": "put blanks where the tab is, as YAML takes none there",
    "could not find expected ':'": "put a colon and a blank between a key and its value: key: value",
    "merging": "<< takes a mapping: <<: *name",
    "undefined alias": "a * begins the name of an anchor: quote what is text, or write &name where it is set",
    "special characters are not allowed": "take the character out",
    "another document": "a file holds one document: take out the line ---",
}
OWN = {f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "timestamp")}


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in OWN]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_object(self, node, deep=False):
        """The constructors of PyYAML take for granted that a tag which somebody writes fits what it stands at."""
        try:
            found = super().construct_object(node, deep)
            if isinstance(found, int):
                str(found)  # ValueError: Python writes no number of thousands of digits
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            problem = f"what stands here is no {node.tag.rpartition(':')[2]} that can be read"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error
        return found

    def mapping(self, node):
        lines: dict = {}
        for key, _ in node.value:
            name = "<<" if key.tag == MERGE else self.construct_object(key, deep=True)
            line = key.start_mark.line + 1
            if not isinstance(name, Hashable):
                raise UserError(f"has a key in line {line} that is a mapping or a list: a key is a word")
            if name in lines:
                both = f"in lines {lines[name]} and {line}"
                do = "name both in one: <<: [*a, *b]" if key.tag == MERGE else "keep one of them"
                raise UserError(f"has the key {name!r} twice in one mapping, {both}: {do}")
            lines[name] = line
        self.flatten_mapping(node)
        return {self.construct_object(k, deep=True): self.construct_object(v, deep=True) for k, v in node.value}

    def sequence(self, node):
        return [self.construct_object(each, deep=True) for each in node.value]


class _Dumper(yaml.SafeDumper):
    """Quotes text that would be read as something else, also what only the loader here takes for a number."""

    def ignore_aliases(self, data):
        return True  # what is the same in two places is written twice


for _kind, _pattern in NUMBERS.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(f"(?:{_pattern})$"), list("-+.0123456789"))
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(f"(?:{_pattern})$"), list("-+.0123456789"))
_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.mapping)
_Loader.add_constructor("tag:yaml.org,2002:seq", _Loader.sequence)


def parse(text: str, what: str):
    """The value of a YAML text. Raises UserError that begins with `what`: "the config x.yaml"."""
    try:
        return yaml.load(text, Loader=_Loader)
    except UserError as error:
        raise UserError(f"{what} {error}") from error
    except (yaml.YAMLError, OverflowError, ValueError) as error:  # of a sign that is none, like "\UFFFFFFFF"
        raise UserError(f"{what} is not YAML: {_fault(error)}") from error
    except RecursionError as error:
        raise UserError(f"{what} holds itself, or is nested too deep: write it out") from error


def _fault(error: Exception) -> str:
    """In one line: where, what, and what to do."""
    where, problem = "", " ".join(str(error).split())
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark, problem = error.problem_mark, error.problem
        where = f"line {mark.line + 1}, column {mark.column + 1}: "
    hint = next((hint for sign, hint in HINTS.items() if sign in problem), QUOTE)
    return f"{where}{problem}; {hint}"


def text(mapping: dict) -> str:
    """What `parse` reads as this mapping, the innermost mappings and lists on one line each."""
    return yaml.dump(mapping, Dumper=_Dumper, sort_keys=False, default_flow_style=None, allow_unicode=True, width=100)


class Whole(dict):
    """A mapping that replaces the one it is laid over."""


def merge(base: dict, over: dict) -> dict:
    """Keys of `over` win; mappings are merged, so that {a: {b: 1}} leaves a.c alone, unless they are `Whole`."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict) and not isinstance(value, Whole)
        merged[key] = merge(merged[key], value) if both else value
    return merged
