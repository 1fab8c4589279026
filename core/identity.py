"""Which files a run reads beside its configuration: the same ones to its end."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Identity:
    """Of something that decides results and that a configuration names, but does not hold, such as a WordNet.

    sha256: of its content, in hexadecimal; equal ones give equal results. place: where it lies, which decides nothing.
    """

    sha256: str
    place: str

    def __str__(self):
        return f"SHA-256 {self.sha256[:12]}, {self.place}"
