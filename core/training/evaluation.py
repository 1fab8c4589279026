"""What `data.evaluate` describes: a protocol with the data that it asks a model about."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from tandemclip.core.data.account import Account
from tandemclip.core.data.sources.source import Source
from tandemclip.core.identity import Identity
from tandemclip.core.methods.method import Method
from tandemclip.core.statistic import Statistic


class Evaluation(ABC):
    """Base of every protocol (core/evaluation/protocols). Subclasses are frozen dataclasses.

    A configuration may name a source instead: it is then held by `Fitting`, which chooses the protocol.
    """

    @abstractmethod
    def metrics(self, method: Method) -> list[str]:
        """The names of what `measure` gives for a model of this method, in its order.

        Raises UserError where nothing could be measured, before anything is trained.
        """

    def accounts(self) -> tuple[Account, ...]:
        """Of all sources that it asks about, those of the evaluations within it too."""
        asked = (each.account() if isinstance(each, Source) else each.accounts() for _, each in self.asked())
        return tuple(account for accounts in asked for account in accounts)

    def identity(self) -> dict[str, Identity]:
        """{part: its content} of the same sources, as `Source.identity`."""
        return {f"{name}.{part}": found for name, each in self.asked() for part, found in each.identity().items()}

    def check(self, method: Method, class_names: tuple[str, ...]) -> None:
        """UserError where the classes that the method knows cannot be compared with those that it is asked about.

        class_names: what the method's classes are called, () where nobody says.
        """
        for _, each in self.asked():
            if isinstance(each, Evaluation):
                each.check(method, class_names)

    def asked(self) -> "Iterator[tuple[str, Source | Evaluation]]":
        """(field, or field.number, and what it holds)"""
        this: Any = self  # each is a dataclass
        for field in fields(this):
            value = getattr(this, field.name)
            several = isinstance(value, tuple)
            for number, each in enumerate(value if several else (value,)):
                if isinstance(each, (Source, Evaluation)):
                    yield f"{field.name}.{number}" if several else field.name, each

    @abstractmethod
    def measure(self, model: Any) -> dict[str, Statistic]:
        """Metrics by name, each as a statistic of the same images. model: core.serving.model.Model."""
