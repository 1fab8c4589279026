"""Evaluate a checkpoint: by classes where the data knows them (zero-shot, or the method's own), image-text retrieval
otherwise.

    tandemclip evaluate --checkpoint runs/scenes_clip
    tandemclip evaluate --checkpoint runs/clip --backend mindspore --data '/data/flickr/test-*.tar'
    tandemclip evaluate --checkpoint runs/clip --source class_folder path=photos templates=imagenet

A source is named as a config names it: its type, then its fields as key=value. `one_by_one` and `linear_probe` hold
others, see docs/labels.md of the repository.
"""

import json
import sys
from pathlib import Path

from tandemclip import backends
from tandemclip.core.console import command_line


def parser() -> command_line.Parser:
    parser = command_line.Parser(description=__doc__)
    parser.add_argument(
        "--checkpoint",
        type=Path,
        required=True,
        help="a run's folder (its newest checkpoint), RUN/best, or a checkpoint's",
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
    return parser


def main(argv=None):
    return command_line.run(_main, argv)


def _main(argv):
    args = parser().parse_args(argv)
    from tandemclip.core import figures
    from tandemclip.core.data.account import lines_of
    from tandemclip.core.serving.model import model_of
    from tandemclip.core.training import checkpoint
    from tandemclip.core.whole_file import refuse_unwritable, whole_file

    if args.json:
        refuse_unwritable(args.json)
    engine_class = backends.load(args.backend, args.device)
    engine_class.join()  # as tools/train.py begins: torch then keeps what it frees, twice as fast for MobileNet
    saved = checkpoint.load(checkpoint.resolve(args.checkpoint))
    print(backends.about(args.backend))
    evaluation = _evaluation(args, saved)
    accounts = evaluation.accounts()
    print(*lines_of(accounts), sep="\n")
    found = evaluation.measure(model_of(saved, engine_class, args.trust))
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
        mapping = {"type": args.source[0], **command_line.parse_overrides(args.source[1:])}
        return build(Evaluation, mapping, "--source")
    if args.data:
        return Fitting(Shards(tuple(args.data)))
    configured = evaluation_of(saved, args.trust)
    if configured is None:
        raise UserError(f"{args.checkpoint} names no evaluation data; give tar shards with --data, or --source")
    return configured


if __name__ == "__main__":
    sys.exit(main())
