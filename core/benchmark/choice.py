"""How long a method chooses on the host, within a step."""

import time
from dataclasses import fields

from tandemclip.core.methods.method import Method


def timed(method: Method, seconds: list[float]) -> Method:
    """The same method, which appends the seconds of each of its choices to `seconds`."""

    class Timed(type(method)):
        def choose(self, local):
            begin = time.perf_counter()
            chosen = super().choose(local)
            seconds.append(time.perf_counter() - begin)
            return chosen

    return Timed(**{field.name: getattr(method, field.name) for field in fields(method)})
