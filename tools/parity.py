"""Prove that the engines agree: on a configuration, from initial weights and from a trained checkpoint.

    tandemclip parity --config tiny_clip_vit

Every node, named term and gradient of torch, MindSpore compiled and MindSpore PyNative is compared with a float64 judge
and with each other, then three updates and a few steps of training. The first node out of tolerance is named; the exit
code is 1 if there is any. Where one engine is installed, it is held against the judge alone.

    tandemclip parity --config my.yaml --long 100

Only the losses of 100 steps, for which both engines are needed: MindSpore may part from torch as rounding makes torch
part from itself, see docs/parity.md of the repository.
"""

import json
import sys
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path

from tandemclip import backends
from tandemclip.core.console import command_line
from tandemclip.core.errors import UserError

TRAINED_STEPS = 100
NO_JUDGE = (
    "no engine here computes in float64: gradients are held against finite differences of numpy along one direction of "
    "all weights, and the losses of training steps (level step) against nothing"
)


def parser() -> command_line.Parser:
    parser = command_line.Parser(description=__doc__)
    parser.add_config(required=True)
    parser.add_argument(
        "--checkpoint", type=Path, help=f"trained weights (default: {TRAINED_STEPS} steps, trained now)"
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--steps",
        type=command_line.at_least(1),
        default=20,
        metavar="N",
        help="training steps to compare (default: 20)",
    )
    length.add_argument(
        "--long",
        type=command_line.at_least(1),
        metavar="N",
        help="instead of all that: the losses of N steps, by what rounding does",
    )
    parser.add_argument(
        "--tolerance",
        type=command_line.positive,
        metavar="T",
        help="one tolerance for every level, instead of their own",
    )
    parser.add_argument("--json", type=Path, metavar="F", help="write the rows to this file too")
    parser.add_set()
    return parser


def main(argv=None):
    return command_line.run(_main, argv)


COMPILED, PYNATIVE = "compiled", "pynative"
EAGER = f"mindspore {PYNATIVE}"


def engines(start, say=print):
    """-> (the judge of gradients or None, {its name: every engine and mode that is held against it}).

    Of those that are installed. say: gets a sentence for each that is not, and for what cannot be judged.
    """
    given, judge, modes = ((start.method, start.weights, start.rule), None, {})
    for name, engine_class in backends.load_all(say).items():
        engine_class.join()  # as tools/train.py begins
        capabilities = engine_class.capabilities
        if capabilities.compiles:
            modes[f"{name} {COMPILED}"] = engine_class(*given, tuning=start.tuning)
            modes[f"{name} {PYNATIVE}"] = engine_class(*given, tuning=start.tuning, eager=True)
        else:
            modes[name] = engine_class(*given, tuning=start.tuning)
        if judge is None and capabilities.float64:
            judge = engine_class.float64(*given, tuning=start.tuning)
    if judge is None:
        say(NO_JUDGE)
    return judge, modes


def subject(config, weights, steps):
    """The configuration's own first batches, at given weights, when all has begun to train that ever will."""
    from tandemclip.backends.judge import Subject
    from tandemclip.backends.recorder.draws import training_views
    from tandemclip.core.data.loading.loader import batches
    from tandemclip.core.training.start import tokenizer_of

    training, source = config.training, config.data.train
    stream = batches(
        source, training_views(config.method), tokenizer_of(config), batch_size=training.batch_size, seed=training.seed,
        start_step=0, stop_step=max(steps, 6),
    )  # fmt: skip
    with stream:
        schedule = training.schedule(source.epoch)
        return Subject(config.method, training.update, weights, list(stream), schedule, tuning=training.tuning.whole)


def trained(start, engine, steps=TRAINED_STEPS):
    """Weights after `steps` of training over the subject's batches, again and again, in float32.

    engine: the judge of gradients, where there is one: float32 parts from machine to machine in so many steps, and
    what is compared then would too.
    """
    import numpy as np

    from tandemclip.core.training import global_batch
    from tandemclip.core.training.engine import Rates

    engine.load(start.weights)
    for step in range(steps):
        elapsed = start.schedule.elapsed(min(step, start.schedule.steps - 1))
        backward = global_batch.backward(engine, start.batches[step % len(start.batches)], elapsed)
        rate = start.schedule(min(step, start.schedule.steps - 1))
        engine.update(backward, Rates(rate, *start.rule.corrections(step + 1)))
    return {name: w.astype(np.float32) if w.dtype.kind == "f" else w for name, w in engine.weights().items()}


def _main(argv):
    args = parser().parse_args(argv)
    from rich.console import Console

    from tandemclip.core.training.config import read
    from tandemclip.core.whole_file import refuse_unwritable

    if args.json:
        refuse_unwritable(args.json)
    console = Console(highlight=False)
    config, _ = read(args.config, command_line.parse_overrides(args.set))
    rows = []
    for start, found in (_long if args.long else _every_level)(args, config, console):
        show(console, f"{args.config.stem}, {start}", found)
        rows += [{"start": start, **asdict(row), "agrees": row.agrees} for row in found]
    if args.json:
        args.json.write_text(json.dumps({"config": str(args.config), "rows": rows}, indent=2) + "\n")
    out = [row for row in rows if not row["agrees"]]
    for row in out[:1]:
        print(f"out of tolerance first: {row['level']} {row['first_out']} of {row['engine']} against {row['against']}")
    print(f"{len(rows) - len(out)} of {len(rows)} comparisons agree")
    return 1 if out else 0


def _every_level(args, config, console):
    from tandemclip.backends.parity import compare, compare_training
    from tandemclip.core.spec import initial_weights

    initial = subject(config, initial_weights(config.method, config.training.seed), args.steps)
    judge, modes = engines(initial)
    for name in dict.fromkeys(mode.partition(" ")[0] for mode in modes):
        print(backends.about(name))
    if args.checkpoint:
        later = _weights(args.checkpoint, config)
    else:
        engine = judge or next(iter(modes.values()))
        with console.status(f"training {TRAINED_STEPS} steps with {engine.name}"):
            later = trained(initial, engine)
    compiled = _without_pynative(modes)
    starts = {"initial weights": initial, "trained weights": replace(initial, weights=later)}
    phases = config.training.tuning.phases(initial.schedule.steps)
    for (start, at), (begun, tuning) in product(starts.items(), phases.items()):
        for engine in [] if len(phases) == 1 else filter(None, (judge, *modes.values())):
            engine.lay_out(tuning)
        for phase, each in replace(at, tuning=tuning).phases().items():
            title = ", ".join(filter(None, (start, begun, phase)))
            with console.status(f"comparing from {title}"):
                found = compare(each, judge, modes, args.tolerance)
                short = replace(each, batches=each.batches[: args.steps])
                found += compare_training(short, judge, compiled, args.tolerance)
            yield title, found


def _long(args, config, console):
    from tandemclip.backends.parity import compare_long
    from tandemclip.backends.rounding import MOVED
    from tandemclip.core.console.progress import Progress
    from tandemclip.core.spec import initial_weights

    weights = (
        _weights(args.checkpoint, config) if args.checkpoint else initial_weights(config.method, config.training.seed)
    )
    start = subject(config, weights, args.long)
    _, modes = engines(start)
    (base, first), *others = _without_pynative(modes).items()
    if not others:
        raise UserError(f"--long holds one engine against another, and {base} is alone here; leave it out")
    with Progress("steps", (MOVED + 1 + len(others)) * len(start.batches)) as progress:
        found = compare_long(start, first, dict(others), args.tolerance, progress.advance)
    yield f"{args.long} steps", found


def _without_pynative(modes):
    """Those that train: PyNative takes seconds a step."""
    return {name: engine for name, engine in modes.items() if not name.endswith(PYNATIVE)}


def _weights(given, config):
    from tandemclip.core.training import checkpoint
    from tandemclip.core.training.init import matching

    folder = checkpoint.resolve(given)
    return matching(checkpoint.load(folder).model, config.method, folder)


def show(console, title, rows):
    """A row a level, a column an engine: the largest error against the judge or any other engine."""
    from rich.text import Text

    from tandemclip.backends.parity import JUDGE
    from tandemclip.core.console import tables

    names = list(dict.fromkeys(row.engine for row in sorted(rows, key=lambda row: row.engine != JUDGE)))
    lines = []
    for level in dict.fromkeys(row.level for row in rows):
        of_level = [row for row in rows if row.level == level]
        worst = {row.engine: max(r.error for r in of_level if r.engine == row.engine) for row in of_level}
        out = next((row.first_out for row in of_level if not row.agrees), None)
        cells = [f"{worst[name]:.1e}" if name in worst else "" for name in names]
        verdict = Text(f"first out: {out}", "red") if out else Text("agrees", "green")
        lines.append((level, *cells, f"{of_level[0].tolerance:.0e}", verdict))
    columns = ("", *("\n".join(name.rsplit(" ", 1)) for name in names), "tolerance", "")
    tables.show(console, columns, lines, texts=[0, len(columns) - 1], title=title)


if __name__ == "__main__":
    sys.exit(main())
