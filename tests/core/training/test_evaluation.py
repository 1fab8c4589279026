"""The base of every protocol: what it asks about is found in its fields, with accounts, identity and checks."""

from dataclasses import dataclass

import pytest

from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError
from tandemclip.core.training.evaluation import Evaluation

ONE, TWO, THREE = (Scenes(size=32, count=count) for count in (3, 4, 5))


@dataclass(frozen=True)
class Inner(Evaluation):
    source: Source
    name: str = "a text is no source"

    def metrics(self, method):
        return ["inner"]

    def check(self, method, class_names):
        raise UserError(f"{method} of {class_names}, asked about {len(self.source)}")

    def measure(self, model):
        return {}


@dataclass(frozen=True)
class Outer(Evaluation):
    first: Source
    several: tuple
    other: Source | None = None
    number: int = 3

    def metrics(self, method):
        return ["outer"]

    def measure(self, model):
        return {}


def test_what_is_asked_is_named_by_its_field_in_their_order():
    inner = Inner(TWO)
    outer = Outer(ONE, (inner, THREE, "no source"), None)
    assert list(outer.asked()) == [("first", ONE), ("several.0", inner), ("several.1", THREE)]
    assert list(Outer(ONE, (), TWO).asked()) == [("first", ONE), ("other", TWO)]


def test_accounts_are_of_all_sources_those_within_too():
    outer = Outer(ONE, (Inner(TWO), THREE))
    assert [account.all for account in outer.accounts()] == [3, 4, 5]
    assert isinstance(outer.accounts(), tuple) and all(account.unit == "records" for account in outer.accounts())


def test_identities_are_named_by_field_and_part():
    outer = Outer(ONE, (Inner(TWO), THREE))
    expected = {f"first.{part}": found for part, found in ONE.identity().items()}
    expected |= {f"several.0.source.{part}": found for part, found in TWO.identity().items()}
    expected |= {f"several.1.{part}": found for part, found in THREE.identity().items()}
    assert outer.identity() == expected and len(expected) >= 3


def test_evaluations_within_are_checked_with_what_was_given():
    with pytest.raises(UserError, match=r"m of \('a',\), asked about 4"):
        Outer(ONE, (THREE, Inner(TWO))).check("m", ("a",))
    Outer(ONE, (THREE,)).check("m", ("a",))  # a source says nothing of classes
