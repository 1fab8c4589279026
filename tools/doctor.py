"""What is installed, what the engines see, and whether they compute correctly on this machine.

    python tools/doctor.py

Each engine does one step (forward, backward, update) of every tiny configuration, and is held against numpy in float64;
where a kernel is missing, the first node that needs it is named. Takes seconds on torch, a minute or two on MindSpore,
which compiles. The exit code is 0 where at least one engine works and none that is installed is wrong, else 1.
"""

import importlib
import os
import platform
import shutil
import sys
from itertools import product
from pathlib import Path

from tandemclip import backends
from tandemclip.core.console import command_line
from tandemclip.core.console.versions import installed
from tandemclip.core.errors import UserError

CONFIGS = Path(__file__).resolve().parents[1] / "configs" / "pretrain"
PACKAGES = ("tandemclip", "numpy", "opencv-python", "grain", "safetensors")
SMALL = 1 << 30  # bytes of /dev/shm


def parser() -> command_line.Parser:
    return command_line.Parser(description=__doc__)


def main(argv=None):
    return command_line.run(_main, argv)


def _main(argv):
    parser().parse_args(argv)
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    console.print(machine())
    seen, engines, broken = Table("engine", "version", "devices", "precisions"), {}, 0
    for name in backends.names():
        try:
            engine_class = backends.load(name)
            here = importlib.import_module(f"tandemclip.backends.{name}.devices")
            precisions = ", ".join(engine_class.capabilities.precisions)
            seen.add_row(name, _version(name), "\n".join(here.devices()), precisions)
            engines[name] = engine_class
        except UserError as error:  # it is not installed
            seen.add_row(name, "-", escape(str(error)), "")
        except Exception as error:  # it is, and does not start: whatever an engine raises
            seen.add_row(name, _version(name), f"[red]does not start: {escape(str(error))}", "")
            broken += 1
    console.print(seen)
    return 0 if _examine(engines, console) and not broken else 1


def machine():
    from rich.table import Table

    table = Table(show_header=False, box=None)
    table.add_row("python", f"{platform.python_version()}, {platform.platform()}")
    for package in PACKAGES:
        table.add_row(package, _version(package))
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    table.add_row("cores", f"{os.cpu_count()}, OMP_NUM_THREADS {threads}")
    table.add_row("free disk", f"{shutil.disk_usage('.').free / 2**30:.1f} GiB in this folder")
    memory = Path("/dev/shm")
    if memory.is_dir():
        free = shutil.disk_usage(memory).free
        small = ": little, data workers need it (docker run --shm-size=8g, or data.workers=0)" if free < SMALL else ""
        table.add_row("/dev/shm", f"{free / 2**30:.1f} GiB free{small}")
    return table


def _examine(engines: dict, console) -> bool:
    """Print what each engine makes of each configuration; True where there is an engine and none is wrong."""
    from rich.markup import escape
    from rich.table import Column, Table

    from tandemclip.backends.checkup import checkup
    from tandemclip.core.spec import initial_weights
    from tandemclip.core.training.config import read
    from tandemclip.tools.parity import subject

    columns = ("engine", Column("one step of", no_wrap=True), "ready", "terms", "gradient", "update", "")
    table, faults = Table(*columns, title="against numpy in float64"), []
    for path in sorted(CONFIGS.glob("tiny_*.yaml")):
        config, _ = read(path)
        start = subject(config, initial_weights(config.method, config.training.seed), 1)
        for (phase, each), name in product(start.phases().items(), engines):
            title = f"{path.stem}, {phase}" if phase else path.stem
            with console.status(f"{name}: one step of {title}"):
                found = checkup(each, engines[name])
            verdict = "[green]agrees" if found.fault is None else f"[red]{escape(found.fault)}"
            errors = [f"{error:.1e}" for error in (found.term, found.gradient, found.update)]
            table.add_row(name, title, f"{found.seconds:.1f} s", *errors, verdict)
            faults.append(found.fault is not None)
    console.print(table if engines else "no engine is installed that works; the table above says how to install one")
    return bool(faults) and not any(faults)


def _version(package: str) -> str:
    return installed(package) or "not installed as a package"


if __name__ == "__main__":
    sys.exit(main())
