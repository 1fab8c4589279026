"""What the trainer, the evaluation and the parity tool ask of an engine."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

Arrays = dict[str, np.ndarray]


@dataclass
class Backward:
    """A batch's terms and gradients before anything was changed. The last two stay in the engine's own arrays."""

    terms: dict[str, float]
    norm: float  # L2 norm of all gradients together
    gradients: Any
    statistics: Any  # buffers as this pass leaves them


@dataclass(frozen=True)
class Rates:
    """The scalars of one update."""

    learning_rate: float
    correction1: float
    correction2: float
    factor: float = 1.0  # of the gradient: clipping


class Engine(Protocol):
    """A method with its weights on one engine. Arrays that go in and come out are the host's."""

    def backward(self, batch: Arrays, progress: float) -> Backward: ...

    def update(self, backward: Backward, rates: Rates) -> float:
        """Change weights, moments and buffers; returns the L2 norm of the change of the weights."""

    def named_gradients(self, backward: Backward) -> Arrays: ...

    def with_gradients(self, gradients: Arrays) -> Backward:
        """Given gradients in the engine's form, for an update alone."""

    def weights(self) -> Arrays:
        """Parameters and buffers by name, float32."""

    def moments(self) -> Arrays:
        """"first.NAME" and "second.NAME" of every trainable parameter."""

    def load(self, weights: Arrays, moments: Arrays | None = None) -> None:
        """Take over weights, and moments (zeros where None)."""

    def encode_image(self, images: np.ndarray) -> np.ndarray:
        """[B, 3, H, W] -> [B, embed_dim], unit rows, running statistics."""

    def encode_text(self, ids: np.ndarray) -> np.ndarray: ...

    def observe(self, batch: Arrays, progress: float) -> dict[str, list[np.ndarray]]:
        """A training-mode forward without an update: every node's outputs, in the order of the visits."""

    def prepare(self, batch: Arrays) -> float:
        """Compile for batches of these shapes; seconds."""
