"""What fails in a reporter is counted and said, and stops no training."""

import queue
import threading
from collections.abc import Callable

from tandemclip.core.training.reporting.reporter import Begun, Reporter

WAITING = 100_000  # rows that wait for a slow network, at most
PATIENCE = 120  # seconds that the end of a run waits for it


class Follower:
    """One reporter. say: shows a sentence, at the first failure and at the end."""

    def __init__(self, reporter: type[Reporter], begun: Begun, say: Callable[[str], None]):
        self.name, self.rows, self.lost, self._say = reporter.name, 0, 0, say
        self._reporter: Reporter | None = None
        try:
            self._reporter = reporter(begun)
        except Exception as error:
            say(f"{self.name} cannot be started ({_in_one_line(error)}); training goes on without it")

    def add(self, step: int, scalars: dict[str, float]) -> None:
        self.rows += 1
        if self._reporter is None:
            self.lost += 1
            return
        try:
            self._reporter.add(step, scalars)
        except Exception as error:
            self.lost += 1
            if self.lost == 1:
                self._say(
                    f"{self.name} did not take the row of step {step} ({_in_one_line(error)}); training goes on, and "
                    "such rows are counted"
                )

    def close(self) -> None:
        if self._reporter is not None:
            try:
                self._reporter.close()
            except Exception as error:
                self._say(f"{self.name} did not close ({_in_one_line(error)})")
        if self.lost:
            self._say(f"{self.name} lacks {self.lost} of {self.rows} reports; journal.jsonl has them all")


class Behind:
    """A follower in a thread of its own: a step does not wait for a network."""

    def __init__(self, reporter: type[Reporter], begun: Begun, say: Callable[[str], None], patience: float = PATIENCE):
        self.name, self._say, self._patience = reporter.name, say, patience
        self._rows: queue.Queue = queue.Queue(WAITING)
        self._given = self._taken = 0
        self._thread = threading.Thread(target=self._follow, args=(reporter, begun, say), daemon=True)
        self._thread.start()

    def add(self, step: int, scalars: dict[str, float]) -> None:
        self._given += 1
        try:
            self._rows.put_nowait((step, scalars))
        except queue.Full:
            pass  # counted: given and never taken

    def close(self) -> None:
        try:
            self._rows.put(None, timeout=self._patience)
        except queue.Full:
            pass
        self._thread.join(self._patience)
        if self._taken < self._given:
            self._say(
                f"{self.name} has not taken {self._given - self._taken} of {self._given} reports; journal.jsonl has "
                "them all"
            )
        elif self._thread.is_alive():
            self._say(f"{self.name} was not ready after {self._patience:g} s; the last rows may be missing there")

    def _follow(self, reporter: type[Reporter], begun: Begun, say: Callable[[str], None]) -> None:
        follower = Follower(reporter, begun, say)
        while (row := self._rows.get()) is not None:
            follower.add(*row)
            self._taken += 1
        follower.close()


def _in_one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
