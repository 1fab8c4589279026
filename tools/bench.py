"""Measure speed: training steps of both engines, start and memory, the data pipeline, what is slow, and a reference
beside it.

    tandemclip bench --config scenes_pyramidclip --markdown bench.md
    tandemclip bench --config my.yaml --sections steps data

Absolute times drift on a shared machine, so that whatever is compared takes turns in one run: the ratios count. Run it
on a quiet machine (a warning says when it is not).
"""

import os
import sys
from functools import cache, partial
from pathlib import Path

from tandemclip import backends
from tandemclip.core.config import shipped
from tandemclip.core.console import command_line
from tandemclip.core.errors import UserError

CONFIGS = shipped.FOLDER / "pretrain"
TOWERS = {"vit": CONFIGS / "flickr8k_clip_vit.yaml", "rn": CONFIGS / "flickr8k_clip_rn.yaml"}
METHODS = ("lightclip_clip", "lightclip", "siglip", "slip", "filip", "declip", "defilip")  # the first is plain CLIP
COMPARED = tuple(CONFIGS / f"scenes_{name}.yaml" for name in METHODS)  # unless --others
IMAGE_TOWERS = ("LightCLIP-ResNet18", "LightCLIP-MobileNet-V2", "LightCLIP-Swin-Nano", "RN50", "ViT-B/32")
USUAL = ("RN50", "ViT-B/32")  # what the small ones are there in place of
IMAGES = 16  # at once: torch has a slower kernel for fewer, with one thread
BATCHES = 6  # that steps go over
ROUNDS = 5  # of each operator, and of FILIP's loss


def parser() -> command_line.Parser:
    parser = command_line.Parser(description=__doc__)
    default = CONFIGS / "scenes_pyramidclip.yaml"
    help = f"a YAML file, or the name of one that ships (default: {default.stem})"
    parser.add_config(default=default, help=help)
    parser.add_argument("--sections", nargs="+", choices=list(SECTIONS), default=list(SECTIONS), help="(default: all)")
    parser.add_argument(
        "--steps",
        type=command_line.at_least(1),
        default=20,
        metavar="N",
        help="timed steps of each engine (default: 20)",
    )
    parser.add_set()
    help = "configs whose steps are compared with the config's (default: every method with CLIP, on scenes)"
    parser.add_config("--others", nargs="+", help=help)
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write it all to this file too, with the machine")
    parser.add_argument(
        "--probe-rows",
        type=command_line.at_least(2000),
        default=100_000,
        metavar="N",
        help="features that the section probe writes into the temporary folder, 4 KiB each (default: 100000)",
    )
    group = parser.add_argument_group(
        "reference",
        "SCRIPT --data FOLDER --tower vit|rn --views N --no-eval trains the towers of flickr8k_clip_vit.yaml and "
        "_rn.yaml on FOLDER/train/*.tar and prints, last, a line of JSON with views_per_second",
    )
    group.add_argument(
        "--reference", type=Path, metavar="SCRIPT", help="the script (default: that section is left out)"
    )
    group.add_argument("--reference-data", type=Path, metavar="FOLDER", help="what both train on")
    group.add_argument("--towers", nargs="+", choices=list(TOWERS), default=list(TOWERS), help="(default: both)")
    group.add_argument(
        "--views", type=command_line.at_least(1), default=1280, metavar="N", help="image views a run (default: 1280)"
    )
    group.add_argument(
        "--rounds", type=command_line.at_least(1), default=3, metavar="N", help="runs of each (default: 3)"
    )
    return parser


def main(argv=None):
    return command_line.run(_main, argv)


def _main(argv):
    args, load = parser().parse_args(argv), os.getloadavg()[0]
    from datetime import datetime

    from rich.console import Console

    from tandemclip.core.benchmark import machine, report
    from tandemclip.core.training.config import read
    from tandemclip.core.whole_file import refuse_unwritable

    if args.markdown:
        refuse_unwritable(args.markdown)
    console = Console(highlight=False)
    about_machine = machine.describe(["tandemclip", *backends.names(), "numpy"], load, datetime.now())
    warning = machine.warning(load, os.cpu_count())
    head = [about_machine] if warning is None else [about_machine, warning]
    for line in head:
        console.print(line, soft_wrap=True, markup=False)
    config, _ = read(args.config, command_line.parse_overrides(args.set))
    sections = []
    for name in (name for name in SECTIONS if name in args.sections):
        sections.append(SECTIONS[name](args, config))
        sections[-1].show(console)
    if _engines.cache_info().currsize:  # asked for at the end: what computed were processes of their own
        head.append(f"Computed on: {'; '.join(f'{name} {backends.devices(name)[0]}' for name in _engines())}")
        console.print(head[-1], soft_wrap=True, markup=False)
    if args.markdown:
        given = "".join(
            f" `{text.partition('=')[0]}=...`" if os.sep in text else f" `{text}`" for text in args.set
        )  # no paths
        about = f"`{args.config.name}`{given}, batch {config.training.batch_size}, {config.training.precision}."
        args.markdown.write_text(report.markdown("Benchmark", [about, *head], sections))


# ------------------------------------------------------------------ one function a section
def _steps(args, config):
    from tandemclip.core.benchmark import steps
    from tandemclip.core.benchmark.own_process import OwnProcess
    from tandemclip.core.console.progress import Progress

    engines = _engines()
    product = OwnProcess(steps.product, next(iter(engines.values())))
    makers = {name: OwnProcess(_stepper, args.config, args.set, engine) for name, engine in engines.items()}
    with Progress("steps", len(makers) + args.steps) as progress:
        times = steps.measure(product, makers, args.steps, progress.advance)
    return steps.section(times, config.training.batch_size, _flops(config))


def _flops(config):
    """Of a step of each engine: three times the forward's, and one more encoding where that is done twice."""
    from tandemclip.backends.recorder.cost import forward_flops
    from tandemclip.backends.recorder.record import record_features, record_step
    from tandemclip.tools.parity import subject

    method = config.method
    batch = subject(config, {}, 1).batches[0]
    length = method.length(batch)
    batch = batch if length is None else method.cut(batch, length)  # padding is no work, where it is done
    shapes = {name: (array.shape, array.dtype) for name, array in batch.items()}
    count = lambda recording: forward_flops(recording).total()
    step, again = 3 * count(record_step(method, shapes)), 0
    if method.chooses_by:
        again = count(record_features(method, shapes))
    return {name: step + (0 if made.capabilities.keeps_graph else again) for name, made in _engines().items()}


def _configurations(args, config):
    from tandemclip.core.benchmark import configurations
    from tandemclip.core.benchmark.own_process import OwnProcess
    from tandemclip.core.console.progress import Progress
    from tandemclip.core.training.config import read

    paths, overrides = ((args.config, *args.others), args.set) if args.others else (COMPARED, [])
    files = {path.stem: path for path in paths}
    if len(files) < len(paths):
        raise UserError(f"two of the configurations are called alike: {', '.join(files)}; give each a name of its own")
    with Progress("rounds", len(_engines()) * args.steps) as progress:
        found = {}
        for name, engine_class in _engines().items():
            makers = {stem: OwnProcess(_stepper, path, overrides, engine_class) for stem, path in files.items()}
            found[name] = configurations.measure(makers, args.steps, progress.advance)
    counted = {stem: _flops(read(path, command_line.parse_overrides(overrides))[0]) for stem, path in files.items()}
    return configurations.section(found, {name: {stem: counted[stem][name] for stem in files} for name in found})


def _towers(args, config):
    from tandemclip.core.benchmark import towers
    from tandemclip.core.benchmark.own_process import OwnProcess
    from tandemclip.core.config.build import build
    from tandemclip.core.console.progress import Progress
    from tandemclip.core.spec import count_parameters
    from tandemclip.core.towers.tower import ImageTower

    engine, built = next(iter(_engines())), {name: build(ImageTower, {"type": name}) for name in IMAGE_TOWERS}
    makers = {n: OwnProcess(towers.encoder, backends.load, engine, tower, IMAGES) for n, tower in built.items()}
    with Progress("rounds", args.steps) as progress:
        times = towers.measure(makers, args.steps, progress.advance)
    sizes = {name: towers.Size(count_parameters(tower), _inference(tower)) for name, tower in built.items()}
    pixels = built[USUAL[0]].resolution
    return towers.section(times, sizes, USUAL, batch=IMAGES, pixels=pixels, engine=engine)


def _late_interaction(args, config):
    from tandemclip.core.benchmark import late_interaction
    from tandemclip.core.console.progress import Progress

    engines = {name: made.capabilities.compiles for name, made in _engines().items()}
    with Progress("rounds", len(engines) * ROUNDS) as progress:
        return late_interaction.section(late_interaction.measure(backends.load, engines, ROUNDS, progress.advance))


def _inference(tower):
    """FLOPs of one picture."""
    from tandemclip.backends.recorder.record import record

    images = {"images": ((1, 3, tower.resolution, tower.resolution), "float32")}
    recording = record(tower, images, False, lambda ops, p, symbols: {"": p(symbols["images"])})
    return sum(call.flops for call in recording.program.calls)


def _data(args, config):
    from tandemclip.core.benchmark import data
    from tandemclip.core.console.progress import Progress
    from tandemclip.core.training.start import tokenizer_of

    name, engine_class = next(iter(_engines().items()))
    with Progress("data", 1 + data.ROUNDS) as progress:
        _, step = _stepper(args.config, args.set, engine_class)
        progress.advance()
        times, found = data.measure(config, tokenizer_of(config), step, BATCHES, progress.advance)
    return data.section(times, found, name, config.training.batch_size, config.views_a_step)


def _operators(args, config):
    from tandemclip.core.benchmark import operators
    from tandemclip.core.console.progress import Progress

    calls = operators.distinct(_calls(config))
    if len(_engines()) < 2:
        return operators.LEFT_OUT
    with Progress("operators", len(calls)) as progress:
        return operators.section(operators.measure(calls, _engines(), ROUNDS, progress.advance), ROUNDS)


def _start(args, config):
    from tandemclip.core.benchmark import start
    from tandemclip.core.console.progress import Progress

    with Progress("starts", len(_engines())) as progress:
        return start.section(start.measure(args.config, args.set, list(_engines()), progress.advance))


def _probe(args, config):
    from tandemclip.core.benchmark import probe

    return probe.section(probe.measure(args.probe_rows))


def _reference(args, config):
    from tandemclip.core.benchmark import reference
    from tandemclip.core.console.progress import Progress

    if args.reference is None or not args.reference.is_file() or args.reference_data is None:
        return reference.LEFT_OUT
    engine, overrides = next(iter(_engines())), (f"data.train.paths={args.reference_data}/train/*.tar",)
    contests = [reference.Contest(tower, TOWERS[tower], overrides) for tower in args.towers]
    with Progress("rounds", len(contests) * args.rounds) as progress:
        given = (engine, args.reference, args.reference_data, args.views, args.rounds, progress.advance)
        return reference.section({c.tower: reference.measure(c, *given) for c in contests}, args.views)


SECTIONS = {
    "steps": _steps,
    "configurations": _configurations,
    "towers": _towers,
    "filip": _late_interaction,
    "start": _start,
    "data": _data,
    "probe": _probe,
    "reference": _reference,
    "operators": _operators,
}


@cache
def _engines() -> dict[str, type]:
    """Those that are installed, the base of ratios first."""
    return backends.load_all(print)


def _calls(config):
    """Of a whole training step's forward."""
    from tandemclip.backends.recorder.draws import training_views
    from tandemclip.backends.recorder.record import record_step
    from tandemclip.core.data.views.view import batch_arrays

    arrays = batch_arrays(training_views(config.method), config.training.batch_size)
    return record_step(config.method, arrays).program.calls


def _stepper(path, overrides, engine_class):
    """(seconds of the first step, what makes the next ones); also run by processes of their own."""
    from tandemclip.core.benchmark.choice import timed
    from tandemclip.core.benchmark.steps import Stepper
    from tandemclip.core.spec import initial_weights
    from tandemclip.core.training.config import read
    from tandemclip.tools.parity import subject

    engine_class.join()  # as tools/train.py begins
    config, _ = read(path, command_line.parse_overrides(overrides))
    begin = subject(config, initial_weights(config.method, config.training.seed), BATCHES)
    settings, choices = {"precision": config.training.precision, "tuning": begin.tuning}, []
    engine = engine_class(timed(begin.method, choices), begin.weights, begin.rule, **settings)
    memory = partial(backends.peak_memory, engine_class.name)
    stepper = Stepper(engine, begin.batches, begin.rule, begin.schedule(0), choices, memory)
    return stepper.seconds, stepper


if __name__ == "__main__":
    sys.exit(main())
