"""Compare configurations: train and evaluate each with several seeds, and put figures, spread and intervals into one
table.

    tandemclip compare --configs scenes_hard_clip scenes_hard_pyramidclip \\
        --seeds 0 1 2 --views 102400 --out runs/scenes_hard

Started again with the same arguments it goes on where it stopped: what is finished is not run again. Each cell is a run
of `tandemclip train` in OUT/<config>_<seed>; OUT/table.md and OUT/table.json hold the result. A difference stands with
a paired 95% interval; equal image views, or equal time, are the fair comparison where a sample costs one method more
than another.
"""

import shlex
import signal
import sys

from tandemclip import backends
from tandemclip.core.console import command_line, typed


def parser() -> command_line.Parser:
    parser = command_line.Parser(description=__doc__)
    add = parser.add_argument
    help = "files, or names of configs that ship: the others are held against the first"
    parser.add_config("--configs", nargs="+", required=True, help=help)
    add(
        "--seeds",
        type=command_line.at_least(0),
        nargs="+",
        default=[0, 1, 2],
        metavar="S",
        help="training.seed of the runs (default: 0 1 2)",
    )
    add("--out", type=command_line.path, required=True, help="a folder for the runs and the table")
    parser.add_backend(backends.default())
    parser.add_set("every config")
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--views",
        type=command_line.at_least(1),
        metavar="V",
        help="crops through the image tower a run, not the config's steps",
    )
    length.add_argument(
        "--minutes", type=command_line.positive, metavar="M", help="time of training a run, not the config's steps"
    )
    help = "such as t2i/R@10, or t2i/R@10+i2t/R@10 for the mean of the two (default: each that there is)"
    add("--metric", nargs="+", metavar="NAME", help=help)
    return parser


def main(argv=None):
    return command_line.run(_main, argv, goes_on=True)


def _main(argv):
    args = parser().parse_args(argv)
    from tandemclip.core.comparison import table
    from tandemclip.core.comparison.cells import Plan, cells
    from tandemclip.core.comparison.running import LOG
    from tandemclip.core.errors import UserError

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's end is a Ctrl-C
    plan = Plan(args.out, args.backend, tuple(args.set), args.views, args.minutes, args.device)
    planned = cells(plan, args.configs, args.seeds)
    metrics, lacking = (args.metric, []) if args.metric else table.measured(planned)
    if lacking:
        print(f"left out: {', '.join(lacking)}, by which a finished cell was not measured")
    names = {metric: table.names_of(metric, planned[0]) for metric in metrics}
    results, failed = _run(planned, names)
    if failed:
        cell, why = next(iter(failed.items()))
        raise UserError(
            f"{len(failed)} of {len(planned)} cells failed, first {cell.folder}: {why.removeprefix('error: ')} (its "
            f"{LOG} has "
            "more); what is finished stays: mend the cause and start the same again"
        )
    command = f"{typed.program()} {shlex.join(argv)}"
    summary = table.summarize(results, metrics, command)
    (args.out / "table.json").write_text(table.to_json(summary))
    (args.out / "table.md").write_text(table.markdown(summary))
    print(table.markdown(summary))


def _run(planned, names):
    """The results and, of those that failed, the reasons."""
    from tandemclip.core.comparison import table
    from tandemclip.core.comparison.board import Board
    from tandemclip.core.comparison.running import train

    results, failed = {}, {}
    with Board(planned, list(names)) as board:

        def take(cell, result):
            results[cell] = result
            board.finish(cell, [table.figure(result, each) for each in names.values()], 60 * result.minutes)

        for cell in planned:
            if (result := cell.result()) is not None:
                take(cell, result)
        for cell in [cell for cell in planned if cell not in results]:
            board.begin(cell)
            why = train(cell, board.show)
            if why is None:
                take(cell, cell.result())
            else:
                failed[cell] = why
                board.fail(cell, why)
    return {cell: results[cell] for cell in planned if cell in results}, failed


if __name__ == "__main__":
    sys.exit(main())
