"""What goes wrong because of something the user can change."""

from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """One line that says what was received, what was expected and what to do; tools print it and exit with 2.

    Everything else that is raised is a defect of ours and keeps its traceback.
    """

    @property
    def lines(self) -> list[str]:
        return [" ".join(str(self).splitlines())]


class UserErrors(UserError):
    """Several that can be mended in one go, a line each."""

    def __init__(self, errors: list[UserError]):
        self.errors = errors
        super().__init__("\n".join(self.lines))

    @property
    def lines(self) -> list[str]:
        return [line for error in self.errors for line in error.lines]


class Collected:
    """UserErrors that wait until all has been looked at."""

    def __init__(self):
        self.errors: list[UserError] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """What is raised within is kept, and the code behind goes on."""
        try:
            yield
        except UserError as error:
            self.errors.append(error)

    def tell(self) -> None:
        """Raise what was noted: one as it is, several as UserErrors."""
        if self.errors:
            raise self.errors[0] if len(self.errors) == 1 else UserErrors(self.errors)
