"""Weights & Biases, by its own package: project `tandemclip`, or what WANDB_PROJECT says. WANDB_MODE=offline needs no
network.
"""

import os
import secrets

from tandemclip.core.training.reporting.reporter import Begun


class Wandb:
    name = "wandb"

    def __init__(self, begun: Begun):
        import wandb

        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "tandemclip"),
            name=begun.run.resolve().name,
            id=begun.identity(self.name, lambda: secrets.token_hex(4)),
            resume="allow",
            dir=str(begun.run),
            config=begun.config,
            settings=wandb.Settings(console="off"),  # what the terminal shows is not its business
        )
        # Its own count of steps only goes up. A run that goes on from a checkpoint makes some steps again.
        self._run.define_metric("*", step_metric="step")

    def add(self, step: int, scalars: dict[str, float]) -> None:
        self._run.log({"step": step, **scalars})

    def close(self) -> None:
        self._run.finish()
