"""Time a training step of every engine on one configuration, interleaved, update included.

    python tools/bench.py --config configs/pretrain/scenes_pyramidclip.yaml

Absolute times drift on a shared machine: only the ratios of one run count. Each engine steps once in turn on the same
batches; medians are printed. Compiling comes before and is printed apart.
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tandemclip import backends
from tandemclip.core import command_line
from tandemclip.core.config import read
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.engine import Rates
from tandemclip.tools.parity import subject


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path("configs/pretrain/scenes_pyramidclip.yaml")
    parser.add_argument("--config", type=Path, default=default, help=f"a YAML file (default: {default})")
    parser.add_argument("--steps", type=int, default=20, metavar="N", help="timed steps of each engine (default: 20)")
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="A.B=C", help="override keys of the config")
    return parser


def main(argv=None):
    return command_line.run(_main, argv)


def _main(argv):
    args = parser().parse_args(argv)
    config, _ = read(args.config, command_line.parse_overrides(args.set))
    start = subject(config, initial_weights(config.method, config.training.seed), 6)
    engines = {name: backends.load(name)(start.method, start.weights, start.rule) for name in reversed(backends.names())}
    ready = {name: engine.prepare(start.batches[0]) for name, engine in engines.items()}
    times = {name: [] for name in engines}
    for step in range(args.steps):
        batch = start.batches[step % len(start.batches)]
        for name, engine in engines.items():
            begin = time.perf_counter()
            backward = engine.backward(batch, 0.0)
            engine.update(backward, Rates(start.schedule(0), *start.rule.corrections(step + 1)))
            times[name].append(time.perf_counter() - begin)
    table = Table("engine", "ready after", "step, median", "samples/s", "ratio", title=f"{args.config}, batch {config.training.batch_size}")
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, seconds in medians.items():
        rate, ratio = config.training.batch_size / seconds, seconds / medians["torch"]
        table.add_row(name, f"{ready[name]:.1f} s", f"{1000 * seconds:.0f} ms", f"{rate:.0f}", f"{ratio:.2f}")
    Console().print(table)
    print(f"{os.cpu_count()} cores, OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'not set')}")


if __name__ == "__main__":
    sys.exit(main())
