"""What fp16 needs: gradients under 6e-8 are zeros there, so the loss is multiplied before it is differentiated
(Micikevicius et al. 2018, 3.2), as high as the gradients stay finite."""

from dataclasses import dataclass

GROW_AFTER = 2000  # updates in a row that stayed finite; this, both factors and the start are torch.amp.GradScaler's


@dataclass
class LossScale:
    """A part of the run's state. scale 1 is not there: nothing is multiplied, and nothing is skipped.

    good: finite updates since the last change. skipped: updates left out, all in all.
    """

    scale: float = 1.0
    good: int = 0
    skipped: int = 0

    @classmethod
    def of(cls, precision: str, saved: dict | None) -> "LossScale":
        """As a checkpoint has it, where it was trained in fp16 too."""
        if precision != "fp16":
            return cls()
        return cls(2.0**16) if saved is None or saved["scale"] == 1.0 else cls(**saved)

    def skips(self, finite: bool) -> bool:
        """Whether this update is left out, as its gradient overflowed; the scale is moved by what was seen.

        Never at scale 1, where half the type's range is free above: what is not finite then is not the scale's doing.
        """
        if self.scale == 1.0:
            return False
        if not finite:
            self.scale, self.good, self.skipped = max(self.scale / 2, 1.0), 0, self.skipped + 1
            return True
        self.good += 1
        if self.good == GROW_AFTER:
            self.scale, self.good = self.scale * 2, 0
        return False
