"""What `data.evaluate` describes: a protocol with the data that it asks a model about."""

from abc import ABC, abstractmethod
from dataclasses import fields
from typing import Any

from tandemclip.core.data.account import Account
from tandemclip.core.data.sources.source import Source
from tandemclip.core.hits import Hits
from tandemclip.core.methods.method import Method


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
        found: list[Account] = []
        this: Any = self  # each is a dataclass
        for field in fields(this):
            value = getattr(this, field.name)
            for each in value if isinstance(value, tuple) else (value,):
                if isinstance(each, Source):
                    found += each.account()
                elif isinstance(each, Evaluation):
                    found += each.accounts()
        return tuple(found)

    @abstractmethod
    def measure(self, model: Any) -> dict[str, Hits]:
        """Metrics by name, each as the hits of the same images. model: core.serving.model.Model."""
