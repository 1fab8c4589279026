"""Pre-train a model from one YAML file, on either engine.

    tandemclip train --config scenes_clip --backend torch --out runs/clip
    tandemclip train --config scenes_clip --backend mindspore --out runs/clip --resume

The second line goes on where the first stopped, on the other engine. Ctrl-C writes a checkpoint before it ends.

What is shown while it trains: `step 40/200  loss 2.1031  403 samples/s  data 14%  left 0:00:31`. samples/s and data are
of the last 50 steps; data is the share of the time that was spent waiting for data (more workers, or smaller pictures,
bring it down).

A new set-up, before it trains for days: can it learn 128 pairs by heart? (exit code 1 if not, with what is in the way)

    tandemclip train --config my.yaml --out runs/overfit --overfit 128 --minutes 3
"""

import json
import re
import signal
import sys
from pathlib import Path

from tandemclip import backends
from tandemclip.core.console import command_line, typed

# What a run that goes on is not given again, and how many values it takes. A change of the data was accepted once: the
# next one is to be told again.
FOR_ONE_CALL = {"--max-steps": 1, "--minutes": 1, "--init": 1, "--accept-data-change": 0}
LENGTH = re.compile(r"(--set=)?training\.(steps|epochs)=")  # of a run, in a --set


def parser() -> command_line.Parser:
    parser = command_line.Parser(description=__doc__)
    parser.add_config(required=True)
    parser.add_backend(backends.default())
    parser.add_argument(
        "--out", type=command_line.path, required=True, help="the run's folder: checkpoints, journal.jsonl, TensorBoard"
    )
    parser.add_set()
    parser.add_argument(
        "--data-set",
        metavar="NAME",
        help="train on what is learned from of this data set, and evaluate on what is asked of it: one that ships "
        "(`tandemclip list sets`), or a YAML file",
    )
    parser.add_argument("--data-root", metavar="DIR", help="with --data-set: where the data sets lie (default: data)")
    parser.add_argument(
        "--max-steps",
        type=command_line.at_least(1),
        metavar="N",
        help="stop at step N of the schedule, with a checkpoint",
    )
    parser.add_argument(
        "--minutes",
        type=command_line.positive,
        metavar="M",
        help="a new run: time some steps, at most 20, and train as many as fit, instead of training.steps",
    )
    parser.add_argument(
        "--overfit",
        type=command_line.at_least(2),
        metavar="N",
        help="train on N pairs, and tell whether they were learned by heart",
    )
    parser.add_argument("--resume", action="store_true", help="go on from the newest whole checkpoint in --out, if any")
    parser.add_argument(
        "--accept-data-change",
        action="store_true",
        help="with --resume: go on though the data are others than those that the run was made with",
    )
    parser.add_argument(
        "--init",
        type=Path,
        metavar="CKPT",
        help="a new run: start from the weights of this checkpoint, run, or RUN/best (init.from)",
    )
    parser.add_argument(
        "--report",
        nargs="+",
        choices=("wandb", "mlflow"),
        default=[],
        help="show the journal there too, by its own package; again with --resume",
    )
    parser.add_argument("--eager", action="store_true", help="do not compile: slow, for looking (MindSpore's PyNative)")
    return parser


def main(argv=None):
    return command_line.run(_main, argv, goes_on=True)


def _main(argv):
    args = parser().parse_args(argv)
    from tandemclip.core.config.yaml_text import merge
    from tandemclip.core.errors import UserError
    from tandemclip.core.evaluation.configured import evaluate_run
    from tandemclip.core.training import ending, journal, start
    from tandemclip.core.training.config import read
    from tandemclip.core.training.diagnosis import overfit
    from tandemclip.core.training.reporting.known import chosen
    from tandemclip.core.whole_file import refuse_unwritable

    if args.accept_data_change and not args.resume:
        raise UserError("--accept-data-change says how --resume may go on; give both, or leave it out")
    engine_class, reporters = backends.load(args.backend, args.device, args.out), chosen(args.report)
    overrides = merge(_data_set(args), command_line.parse_overrides(args.set))
    if args.init is not None:
        overrides = merge(overrides, {"init": {"from": str(args.init)}})
    config, mapping = read(args.config, overrides)
    if args.overfit is not None:
        config, mapping = overfit.overfitting(mapping, args.overfit)

    ranks = engine_class.join()
    if ranks.rank == 0:
        print(backends.about(args.backend))

    def make_engine(config, weights):
        settings = config.training
        return engine_class(
            config.method, weights, settings.update, eager=args.eager, ranks=ranks, precision=settings.precision,
            tuning=settings.tuning,
        )  # fmt: skip

    trainer, given = None, {"say": print, "evaluate": evaluate_run, "reporters": reporters}
    if args.resume:
        accepts = {"accept_data_change": args.accept_data_change}
        trainer = start.resume(args.out, mapping, overrides, make_engine, **given, **accepts)
    if trainer is None:
        trainer = start.begin(args.out, config, mapping, make_engine, args.resume, **given)
    interrupted = _stop_on_interrupt(trainer)
    say = print if trainer.leads else lambda text: None
    for line in _data(trainer.config):
        say(line)
    if trainer.leads:
        refuse_unwritable(args.out / journal.FILE, "another --out")  # to compile may take minutes
    say(f"{args.backend}: ready to train after {trainer.prepare(say):.1f} s (compiling, first use of kernels)")
    if args.minutes is not None:
        trainer = start.fit_minutes(trainer, args.minutes)
        say(f"{args.minutes:g} minutes are {trainer.schedule.steps} steps")
    found, learned = trainer.train(args.max_steps), True
    if args.overfit is not None and trainer.leads:
        found, learned, verdict = overfit.verdict(trainer)
        say(verdict)
    if trainer.leads:
        print(*ending.lines(trainer, found), sep="\n")
        if (memory := backends.peak_memory(args.backend)) is not None:
            print(f"{backends.about(args.backend)}: {memory / 2**30:.2f} GiB of its memory for tensors at most")
    again = typed.again(argv if args.minutes is None else _of_any_length(argv), "--resume", without=FOR_ONE_CALL)
    return _report(trainer, found, args, again, bool(interrupted)) or int(not learned)


def _of_any_length(argv: list[str]) -> list[str]:
    """What was typed but for the steps that --set gave: --minutes has found others, which the checkpoint has."""
    kept = [word for word in argv if not LENGTH.match(word)]
    return [word for word, behind in zip(kept, [*kept[1:], "--"]) if word != "--set" or not behind.startswith("--")]


def _data_set(args) -> dict:
    """What --data-set lays over the configuration."""
    from tandemclip.core.errors import UserError
    from tandemclip.core.evaluation.suites.data_set import for_training

    if args.data_set is not None:
        return for_training(args.data_set, args.data_root or "data")
    if args.data_root is not None:
        raise UserError(f"--data-root {args.data_root} says where a data set lies, and none is named; add --data-set")
    return {}


def _data(config) -> list[str]:
    """What is read of the data, and what is passed over."""
    from tandemclip.core.data.account import lines_of
    from tandemclip.core.data.views.label import LabelView
    from tandemclip.core.training.start import class_names_of

    data, every = config.data, config.training.evaluate_every
    trained, names = lines_of(data.train.account(), "data.train: "), class_names_of(config)
    for view in config.method.views().values():
        if names and isinstance(view, LabelView) and view.classes not in (None, len(names)):
            trained.append(f"data.train: remark: it names {len(names)} classes, and the method learns {view.classes}")
    if data.evaluate is not None:
        return [*trained, *lines_of(data.evaluate.accounts(), "data.evaluate: ")]
    if every:
        return [*trained, f"training.evaluate_every={every} is passed over, as there is no data.evaluate"]
    return trained


def _stop_on_interrupt(trainer):
    """The first Ctrl-C ends the run after its step, the second at once. Returns a list that is empty until then.

    SIGTERM does the same: schedulers send it, and MindSpore, whose own handler replaces the one for Ctrl-C, turns that
    into it. So does SIGHUP, which a lost session sends, unless it came ignored (nohup).
    """
    received = []

    def handle(number, frame):
        if received:
            raise KeyboardInterrupt
        received.append(number)
        print("\nstopping after this step; Ctrl-C again to stop without a checkpoint", file=sys.stderr)

    hangup = [] if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else [signal.SIGHUP]
    for number in (signal.SIGINT, signal.SIGTERM, *hangup):
        signal.signal(number, handle)
    trainer.stop = lambda: bool(received)
    return received


def _report(trainer, found, args, again, interrupted):
    from tandemclip.core import figures, statistics_file
    from tandemclip.core.whole_file import whole_file

    if found:
        statistics_file.save(args.out / "hits.safetensors", found)
        with whole_file(args.out / "metrics.json") as file:
            file.write(json.dumps({"step": trainer.step, **figures.to_json(found)}, indent=2).encode() + b"\n")
    if not trainer.ended and trainer.leads:
        print(f"stopped at step {trainer.step} of {trainer.schedule.steps}; go on with: {again}")
    return 130 if interrupted else 0


if __name__ == "__main__":
    sys.exit(main())
