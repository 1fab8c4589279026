"""docs/configuration.md is what the classes say, and they say something of every key."""

import dataclasses
from dataclasses import dataclass
from typing import Annotated

import pytest
from annotated_types import Ge, Gt, Le, Lt, MinLen

from tandemclip.core.bounds import Counts, Shares
from tandemclip.core.config.docstrings import meanings, summary
from tandemclip.core.config.keys import key_of
from tandemclip.core.config.kinds import words
from tandemclip.core.config.reference import described, page
from tandemclip.core.config.registry import TYPES
from tandemclip.core.training.config import Config
from tandemclip.tools import configuration

CHAPTERS = list(described([("", Config, "")], set()))


def test_the_page_is_what_is_written_now(root, capsys):
    """Write it again: python tools/configuration.py > docs/configuration.md"""
    assert configuration.main([]) == 0
    assert (root / "docs" / "configuration.md").read_text() == capsys.readouterr().out


def test_every_class_that_a_configuration_can_name_has_a_chapter_in_the_order_of_a_config():
    text = page(Config)
    names = {name for kinds in TYPES.values() for name in kinds}
    assert not {name for name in names if f", type `{name}`" not in text}
    places = ["`method`, type `clip`", "`method.image`", "`method.text`", "`data`", "`data.train`", "`data.tokenizer`"]
    places += ["`data.evaluate`", "`training`", "`training.update`", "`training.groups`", "`init`"]
    starts = [text.index(f"\n## {place}") for place in places]
    assert starts == sorted(starts)


@pytest.mark.parametrize("cls", [cls for _, cls, _ in CHAPTERS], ids=lambda cls: cls.__name__)
def test_every_field_is_explained(cls):
    said = meanings(cls)
    own = [key_of(field) for field in dataclasses.fields(cls) if field.type is not None]
    assert not [key for key in own if len(said.get(key, "")) < 5]
    assert summary(cls)


@dataclass(frozen=True)
class Base:
    """other: of the base. first: hidden by the class's own."""

    other: int = 0


@dataclass(frozen=True)
class Own(Base):
    """A class. It has note: nothing.

    first: what comes first; null: nothing. second, third: None of them. Raises UserError for anything.

    from_ (the key is `from`): a place: here. last: the last.
    Two more words.
    """

    first: int = 0
    second: int = 0
    third: int = 0
    from_: int = 0
    last: int = 0


def test_what_a_docstring_says_of_each_field():
    assert meanings(Own) == {
        "other": "of the base.",
        "first": "what comes first; null: nothing.",
        "second": "null of them.",
        "third": "null of them.",
        "from": "a place: here.",
        "last": "the last. Two more words.",
    }
    assert summary(Own) == "A class. It has note: nothing." and summary(Base) == ""


@pytest.mark.parametrize(
    "hint, said",
    [
        (Annotated[int, Ge(1)], "a whole number, 1 or more"),
        (Annotated[float, Gt(0), Le(1)], "a number, above 0 and at most 1"),
        (Annotated[float, Ge(0), Le(0.5)], "a number, 0 to 0.5"),
        (Annotated[float, Ge(0), Lt(1)] | None, "a number, 0 or more and below 1, or null"),
        (Annotated[int, Ge(1), Le(10**9)], "a whole number, 1 to 1000000000"),
        (Counts, "a list of whole numbers, each 1 or more, 1 or more of them"),
        (Shares, "a list of 2 numbers, each above 0 and at most 1, the lower one first"),
        (Annotated[tuple[str, ...], MinLen(2)], "a list of texts, 2 or more of them"),
        (str | tuple[str, ...], "text, or a list of texts"),
        (bool, "true or false"),
    ],
)
def test_a_type_in_words(hint, said):
    assert words(hint) == said
