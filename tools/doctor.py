"""What is installed, what the engines see, and whether they compute correctly on this machine.

    tandemclip doctor

Each engine does one step (forward, backward, update) of every tiny configuration, and is held against numpy in float64;
where a kernel is missing, the first node that needs it is named. Takes seconds on torch, a minute or two on MindSpore,
which compiles. The exit code is 0 where at least one engine works and none that is installed is wrong, else 1.
"""

import os
import platform
import shutil
import sys
from itertools import product
from pathlib import Path

import tandemclip
from tandemclip import backends
from tandemclip.core.config import shipped
from tandemclip.core.console import command_line
from tandemclip.core.console.versions import installed
from tandemclip.core.errors import UserError

CONFIGS = shipped.FOLDER / "pretrain"
PACKAGES = ("numpy", "opencv-python", "grain", "safetensors")
SMALL = 1 << 30  # bytes of /dev/shm


def parser() -> command_line.Parser:
    return command_line.Parser(description=__doc__)


def main(argv=None):
    return command_line.run(_main, argv)


def _main(argv):
    parser().parse_args(argv)
    from rich.console import Console
    from rich.text import Text

    from tandemclip.core.console import tables

    console = Console(highlight=False)
    tables.show(console, ("this machine", ""), machine(), texts=[0, 1])
    seen, engines, broken = [], {}, 0
    for name in backends.names():
        try:
            engine_class = backends.load(name)
            precisions = ", ".join(engine_class.capabilities.precisions)
            seen.append((name, _version(name), "\n".join(backends.devices(name)), precisions))
            engines[name] = engine_class
        except UserError as error:  # it is not installed
            seen.append((name, "-", Text(str(error)), ""))
        except Exception as error:  # it is, and does not start: whatever an engine raises
            seen.append((name, _version(name), Text(f"does not start: {error}", "red"), ""))
            broken += 1
    console.print()
    tables.show(console, ("engine", "version", "devices", "precisions"), seen, texts=[0, 1, 2, 3])
    return 0 if _examine(engines, console) and not broken else 1


def machine() -> list[tuple[str, str]]:
    rows = [("python", f"{platform.python_version()}, {platform.platform()}")]
    rows += [("tandemclip", tandemclip.__version__), *((package, _version(package)) for package in PACKAGES)]
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    rows.append(("cores", f"{os.cpu_count()}, OMP_NUM_THREADS {threads}"))
    rows.append(("free disk", f"{shutil.disk_usage('.').free / 2**30:.1f} GiB in this folder"))
    memory = Path("/dev/shm")
    if memory.is_dir():
        free = shutil.disk_usage(memory).free
        small = ": little, data workers need it (docker run --shm-size=8g, or data.workers=0)" if free < SMALL else ""
        rows.append(("/dev/shm", f"{free / 2**30:.1f} GiB free{small}"))
    return rows


def _examine(engines: dict, console) -> bool:
    """Print what each engine makes of each configuration; True where there is an engine and none is wrong."""
    from rich.text import Text

    from tandemclip.backends.checkup import checkup
    from tandemclip.core.console import tables
    from tandemclip.core.spec import initial_weights
    from tandemclip.core.training.config import read
    from tandemclip.tools.parity import subject

    if not engines:
        console.print("no engine is installed that works; the table above says how to install one")
        return False
    rows: dict = {name: [] for name in engines}
    faults = []
    for path in sorted(CONFIGS.glob("tiny_*.yaml")):
        config, _ = read(path)
        start = subject(config, initial_weights(config.method, config.training.seed), 1)
        for (phase, each), name in product(start.phases().items(), engines):
            title = f"{path.stem}, {phase}" if phase else path.stem
            with console.status(f"{name}: one step of {title}"):
                found = checkup(each, engines[name])
            verdict = Text("agrees", "green") if found.fault is None else Text(found.fault, "red")
            errors = [f"{error:.1e}" for error in (found.term, found.gradient, found.update)]
            rows[name].append((title, f"{found.seconds:.1f} s", *errors, verdict))
            faults.append(found.fault is not None)
    for name, lines in rows.items():
        console.print(f"\n{backends.about(name)}: against numpy in float64")
        columns = ("one step of", "ready", "terms", "gradient", "update", "")
        tables.show(console, columns, lines, texts=[0, 5])
    return bool(faults) and not any(faults)


def _version(package: str) -> str:
    return installed(package) or "not installed as a package"


if __name__ == "__main__":
    sys.exit(main())
