"""Runs a suite that is killed three times: SUITE OUT CHECKPOINT ...; prints what was there after each time, as JSON.

Each attempt is a fork of this process, in which all is imported and nothing has run: starting anew takes far longer.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

from tandemclip import backends
from tandemclip.core.evaluation.suites.candidates import candidates
from tandemclip.core.evaluation.suites.plan import plan
from tandemclip.core.evaluation.suites.running import measure
from tandemclip.core.evaluation.suites.suite import read_suite


def results(out):
    """{name: when it was written}"""
    return {path.name: path.stat().st_mtime_ns for path in (out / "results").glob("*.json")}


def attempt(moment, out, run):
    """Run in a process of its own, and kill it at a moment. None: let it come to its end."""
    child = os.fork()
    if not child:
        run()
        os._exit(0)
    while moment is not None and not moment():
        time.sleep(0.001)
    if moment is not None:
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    return {"killed": os.WIFSIGNALED(status), "results": results(out)}


def main(suite, out, *checkpoints):
    out, engine = Path(out), backends.load("torch")
    planned = plan(read_suite(suite), candidates(checkpoints, "torch", False), "data", False)
    moments = [
        lambda: any((out / "features").glob(".*.part")),
        lambda: len(results(out)) >= 2,
        lambda: len(results(out)) >= 4,
        None,
    ]
    print(json.dumps([attempt(moment, out, lambda: measure(planned, out, engine)) for moment in moments]))


if __name__ == "__main__":
    main(*sys.argv[1:])
