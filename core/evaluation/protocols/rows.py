"""Some rows of large arrays, read when they are asked for: the arrays may lie on the disk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of arrays [N_i, D] behind one another, as if they were one array: a slice of it, its shape, all of it.

    arrays: np.memmap too. numbers: [M] int, of the rows that are taken; ascending ones are read in the disk's order.
    """

    arrays: tuple[np.ndarray, ...]
    numbers: np.ndarray

    @classmethod
    def of(cls, array: np.ndarray) -> Rows:
        return cls((array,), np.arange(len(array)))

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self), self.arrays[0].shape[1]

    @property
    def size(self) -> int:
        return len(self) * self.shape[1]

    def __getitem__(self, where: slice) -> np.ndarray:  # [n, D]
        wanted, start = self.numbers[where], 0
        found = np.empty((len(wanted), self.shape[1]), self.arrays[0].dtype)
        for array in self.arrays:
            mine = np.flatnonzero((wanted >= start) & (wanted < start + len(array)))
            found[mine] = array[wanted[mine] - start]
            start += len(array)
        return found

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return self[:] if dtype is None else self[:].astype(dtype)

    def take(self, chosen: np.ndarray) -> Rows:
        """chosen: numbers among these rows, or [M] bool."""
        return Rows(self.arrays, self.numbers[chosen])

    def then(self, others: Rows) -> Rows:
        """These rows, and the others behind them."""
        start = sum(map(len, self.arrays))
        return Rows(self.arrays + others.arrays, np.concatenate([self.numbers, start + others.numbers]))
