"""The finders by name, the best first."""

from tandemclip.core.concepts import by_rule, by_spacy, by_textblob
from tandemclip.core.concepts.finder import Finder, Missing
from tandemclip.core.errors import UserError

FINDERS = {"spacy": by_spacy.finder, "textblob": by_textblob.finder, "rule": by_rule.finder}


def named(name: str) -> Finder:
    """UserError where it cannot be had here."""
    try:
        return FINDERS[name]()
    except Missing as error:
        raise UserError(f"noun phrases by {name}: {error}; or leave the choice open") from error


def best() -> tuple[Finder, list[str]]:
    """The first that is here, and why those before it are not."""
    why = []
    for make in FINDERS.values():
        try:
            return make(), why
        except Missing as error:
            why.append(str(error))
    raise AssertionError("a rule needs no package")
