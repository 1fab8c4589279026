"""Evaluate a checkpoint: by classes where the data knows them (zero-shot, or the method's own), image-text retrieval
otherwise.

    python tools/evaluate.py --checkpoint runs/scenes_clip
    python tools/evaluate.py --checkpoint runs/clip --backend mindspore --data '/data/flickr/test-*.tar'
    python tools/evaluate.py --checkpoint runs/clip --source class_folder path=photos templates=imagenet

A source is named as a config names it: its type, then its fields as key=value. `one_by_one` and `linear_probe` hold
others, see docs/labels.md.
"""

import json
import sys
from pathlib import Path

from tandemclip.core.console import command_line


def parser() -> command_line.Parser:
    parser = command_line.Parser(description=__doc__)
    parser.add_argument(
        "--checkpoint", type=Path, required=True, help="a run's folder (its newest checkpoint) or a checkpoint's"
    )
    parser.add_backend()
    parser.add_argument(
        "--data", nargs="+", help="tar shards to evaluate on (default: data.evaluate of the run's config)"
    )
    parser.add_argument(
        "--source", nargs="+", metavar=("TYPE", "KEY=VALUE"), help="any other source, e.g. shards with classes=F"
    )
    parser.add_argument("--json", type=Path, metavar="F", help="write the metrics to this file too")
    return parser


def main(argv=None):
    return command_line.run(_main, argv)


def _main(argv):
    args = parser().parse_args(argv)
    from tandemclip import backends
    from tandemclip.core.config.build import build
    from tandemclip.core.data.sources.shards import Shards
    from tandemclip.core.data.sources.source import Source
    from tandemclip.core.errors import UserError
    from tandemclip.core.evaluation.evaluate import evaluate
    from tandemclip.core.hits import percent
    from tandemclip.core.serving.model import open_model

    model, source = open_model(args.checkpoint, backends.load(args.backend))
    source = Shards(tuple(args.data)) if args.data else source
    if args.source:
        source = build(Source, {"type": args.source[0], **command_line.parse_overrides(args.source[1:])}, "--source")
    if source is None:
        raise UserError(f"{args.checkpoint} names no evaluation data; give tar shards with --data, or --source")
    metrics = percent(evaluate(model, source))
    for name, value in metrics.items():
        print(f"{name}: {value:.2f}%")
    if args.json:
        args.json.write_text(json.dumps(metrics, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
