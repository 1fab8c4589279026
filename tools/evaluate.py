"""Evaluate checkpoints: one as its run was configured or by a source, or many by a suite of data sets.

    tandemclip evaluate --checkpoint runs/scenes_clip
    tandemclip evaluate --checkpoint runs/clip --backend mindspore --data '/data/flickr/test-*.tar'
    tandemclip evaluate --checkpoint runs/clip --source class_folder path=photos templates=imagenet
    tandemclip evaluate --suite pyramidclip11 --checkpoint runs/clip runs/pyramidclip --out runs/eleven

A source is asked for its classes where it knows them (zero-shot, or the method's own), and searched otherwise. It is
named as a config names it: its type, then its fields as key=value. `one_by_one` and `linear_probe` hold others, see
docs/labels.md of the repository.

A suite is a YAML file, or the name of one that ships (tandemclip list suites). What is measured is kept in --out: the
same command goes on from wherever it was stopped. See docs/evaluation.md of the repository.
"""

import json
import sys
from contextlib import closing
from pathlib import Path

from tandemclip import backends
from tandemclip.core.console import command_line

OF_SUITES = ("--out", "--data-root", "--workers", "--skip-missing")
OF_ONE = ("--data", "--source", "--json")


def parser() -> command_line.Parser:
    parser = command_line.Parser(description=__doc__)
    parser.add_argument(
        "--checkpoint",
        type=Path,
        nargs="+",
        required=True,
        help="a run's folder (its newest checkpoint), RUN/best, or a checkpoint's; several for a suite",
    )
    parser.add_backend(backends.default())
    parser.add_argument(
        "--data", nargs="+", help="tar shards to evaluate on (default: data.evaluate of the run's config)"
    )
    parser.add_argument(
        "--source", nargs="+", metavar=("TYPE", "KEY=VALUE"), help="any other source, e.g. shards with classes=F"
    )
    command_line.add_trust(parser)
    parser.add_argument("--json", type=Path, metavar="F", help="write the metrics to this file too")
    suite = parser.add_argument_group("a suite")
    suite.add_argument("--suite", metavar="FILE|NAME", help="protocols and data sets that all checkpoints are asked")
    suite.add_argument(
        "--out", type=command_line.path, metavar="DIR", help="results and features are kept here, and the report"
    )
    suite.add_argument("--data-root", metavar="DIR", help="where the data sets lie (default: data)")
    suite.add_argument(
        "--workers",
        type=command_line.at_least(0),
        metavar="N",
        help="processes that decode pictures (default: a thread)",
    )
    suite.add_argument(
        "--skip-missing", action="store_true", default=None, help="pass over data sets that are not there"
    )
    return parser


def main(argv=None):
    return command_line.run(_main, argv)


def _main(argv):
    args = parser().parse_args(argv)
    _refuse_mixed(args)
    engine_class = backends.load(args.backend, args.device)
    engine_class.join()  # as tools/train.py begins: torch then keeps what it frees, twice as fast for MobileNet
    if args.suite:
        _suite(args, engine_class)
    else:
        _one(args, engine_class)


def _refuse_mixed(args):
    """Options that would have no effect are a mistake."""
    from tandemclip.core.errors import UserError

    given = lambda names: [name for name in names if getattr(args, name[2:].replace("-", "_")) is not None]
    if args.suite and given(OF_ONE):
        raise UserError(f"{given(OF_ONE)[0]} is no option of a suite, which names its own data; leave one of them out")
    if args.suite and args.out is None:
        raise UserError("--suite needs --out DIR, where results are kept and the report is written; add it")
    if not args.suite and given(OF_SUITES):
        raise UserError(f"{given(OF_SUITES)[0]} is an option of a suite; add --suite NAME, or leave it out")
    if not args.suite and len(args.checkpoint) > 1:
        raise UserError(
            f"got {len(args.checkpoint)} checkpoints, which only a suite compares; add --suite NAME, or name one"
        )


def _suite(args, engine_class):
    from tandemclip.core.evaluation.suites.suite import read_suite
    from tandemclip.core.folder_lock import FolderLock
    from tandemclip.core.whole_file import refuse_unwritable

    suite = read_suite(args.suite)
    refuse_unwritable(args.out / "report.html")
    with closing(FolderLock(args.out, "another process measures a suite in")):
        _measure(suite, args, engine_class)


def _measure(suite, args, engine_class):
    from tandemclip.core.evaluation.suites.candidates import candidates
    from tandemclip.core.evaluation.suites.plan import plan
    from tandemclip.core.evaluation.suites.report import files, markdown
    from tandemclip.core.evaluation.suites.report.summary import summarize
    from tandemclip.core.evaluation.suites.running import measure

    about = backends.about(args.backend)
    print(about)
    compared = candidates(args.checkpoint, args.backend, args.trust)
    planned = plan(suite, compared, args.data_root or "data", bool(args.skip_missing))
    print(*planned.lines(), sep="\n")
    results = measure(planned, args.out, engine_class, trust=args.trust, workers=args.workers or 0)
    summary = summarize(Path(args.suite).stem, about, planned, results)
    written = files.write(summary, args.out)
    print(markdown.page(summary))
    print("written:", *written)


def _one(args, engine_class):
    from tandemclip.core import figures
    from tandemclip.core.data.account import lines_of
    from tandemclip.core.serving.model import model_of
    from tandemclip.core.training import checkpoint
    from tandemclip.core.whole_file import refuse_unwritable, whole_file

    if args.json:
        refuse_unwritable(args.json)
    saved = checkpoint.load(checkpoint.resolve(args.checkpoint[0]))
    print(backends.about(args.backend))
    evaluation = _evaluation(args, saved)
    accounts = evaluation.accounts()
    print(*lines_of(accounts), sep="\n")
    model = model_of(saved, engine_class, args.trust)
    evaluation.metrics(model.method)  # what cannot be measured is refused before anything is encoded
    evaluation.check(model.method, model.class_names)
    found = evaluation.measure(model)
    print(*figures.lines(found), sep="\n")
    if args.json:
        content = {**figures.to_json(found), "accounts": [account.to_json() for account in accounts]}
        with whole_file(args.json) as file:
            file.write(json.dumps(content, indent=2).encode() + b"\n")


def _evaluation(args, saved):
    """What the command line names, else what the run was configured with."""
    from tandemclip.core.config.build import build
    from tandemclip.core.data.sources.shards import Shards
    from tandemclip.core.errors import UserError
    from tandemclip.core.evaluation.configured import evaluation_of
    from tandemclip.core.evaluation.protocols.fitting import Fitting
    from tandemclip.core.training.evaluation import Evaluation

    if args.source:
        mapping = command_line.parse_typed(args.source)
        return build(Evaluation, mapping, "--source")
    if args.data:
        return Fitting(Shards(tuple(args.data)))
    configured = evaluation_of(saved, args.trust)
    if configured is None:
        raise UserError(f"{args.checkpoint[0]} names no evaluation data; give tar shards with --data, or --source")
    return configured


if __name__ == "__main__":
    sys.exit(main())
