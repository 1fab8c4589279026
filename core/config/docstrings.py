"""What the docstring of a configurable class says of each field: "name: meaning. other, third: meaning of both"."""

import inspect
import re
from dataclasses import fields

from tandemclip.core.config.keys import key_of

# names with a colon behind them, where a sentence or a half of one begins
NAMES = re.compile(r"(?:^|(?<=[.;)\"] ))(?!null:|None:)(\w+(?:, \w+)*)(?: \(the key is `\w+`\))?: ")

ERRORS = re.compile(r"(?:^| )(?:Raises )?UserError (?:for|where) .*")
NONE = re.compile(r"\bNone\b")  # as YAML calls it


def summary(cls) -> str:
    """The first paragraph in one line, up to the first field that it explains."""
    paragraphs = _paragraphs(cls)
    found = _named(paragraphs[0], _names(cls)) if paragraphs else []
    return paragraphs[0][: found[0].start()].strip() if found else (paragraphs or [""])[0]


def meanings(cls) -> dict[str, str]:
    """{key: what it means}; what the class does not say is taken of the classes that it is made from."""
    names = _names(cls)
    said: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        for paragraph in _paragraphs(base):
            # what a base says of fields that this class does not have ends what stands before it
            found = _named(paragraph, names) if base is cls else list(NAMES.finditer(paragraph))
            ends = [match.start() for match in found[1:]] + [len(paragraph)]
            for match, end in zip(found, ends):
                text = paragraph[match.end() : end].strip().removesuffix(";")
                said |= {names[name]: text for name in match[1].split(", ") if name in names}
    return said


def _names(cls) -> dict[str, str]:
    return {field.name: key_of(field) for field in fields(cls)}


def _named(paragraph: str, names) -> list[re.Match]:
    return [match for match in NAMES.finditer(paragraph) if set(match[1].split(", ")) <= set(names)]


def _paragraphs(cls) -> list[str]:
    text = inspect.cleandoc(vars(cls).get("__doc__") or "")
    joined = [ERRORS.sub("", " ".join(lines.split())) for lines in text.split("\n\n")]
    return [NONE.sub("null", paragraph) for paragraph in joined if paragraph]
