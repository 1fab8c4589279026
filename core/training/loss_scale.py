"""What fp16 needs: gradients under 6e-8 are zeros there, so the loss is multiplied before it is differentiated
(Micikevicius et al. 2018, 3.2), as high as the gradients stay finite."""

from dataclasses import dataclass

GROW_AFTER = 2000  # updates in a row that stayed finite; this, both factors and the start are torch.amp.GradScaler's
START = 2.0**16


@dataclass
class LossScale:
    """A part of the run's state: what the loss is multiplied by.

    good: finite updates since the last change. skipped: updates left out, all in all, which bias corrections do not
    count. moves: in fp16 only; otherwise the scale is 1, and no update is left out.
    """

    scale: float = 1.0
    good: int = 0
    skipped: int = 0
    moves: bool = False

    @classmethod
    def of(cls, precision: str, saved: dict | None) -> "LossScale":
        """As a checkpoint has it, if it was trained in fp16 too; the updates that were left out count in any case."""
        saved = saved or {"scale": 1.0, "good": 0, "skipped": 0}
        # checkpoints did not always say whether the scale moves; only where it does are updates left out
        moved = saved.get("moves", saved["scale"] != 1.0 or saved["skipped"] > 0)
        if precision != "fp16":
            return cls(skipped=saved["skipped"])
        return cls(**{**saved, "moves": True}) if moved else cls(START, 0, saved["skipped"], True)

    def skips(self, finite: bool) -> bool:
        """Whether this update is left out, as its gradient overflowed; the scale is moved by what was seen.

        Never at scale 1, where half the type's range is free above: what is not finite then is not the scale's doing.
        """
        if not self.moves or (self.scale == 1.0 and not finite):
            return False
        if not finite:
            self.scale, self.good, self.skipped = max(self.scale / 2, 1.0), 0, self.skipped + 1
            return True
        self.good += 1
        if self.good == GROW_AFTER:
            self.scale, self.good = self.scale * 2, 0
        return False
