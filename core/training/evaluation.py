"""What `data.evaluate` describes: a protocol with the data that it asks a model about."""

from abc import ABC, abstractmethod
from typing import Any

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

    @abstractmethod
    def measure(self, model: Any) -> dict[str, Hits]:
        """Metrics by name, each as the hits of the same images. model: core.serving.model.Model."""
