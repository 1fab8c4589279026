"""Concepts of data sets: noun phrases of their captions, how often, and which classes they cover (UniCL, appendix D).

    tandemclip concepts --source flickr8k shards paths=data/flickr8k --classes cifar10=data/cifar10/classes.json
    --out runs/concepts

A concept is a noun phrase that appears more than 5 times, in small letters, without what says which or how many, its
last word singular; of labelled data without captions it is a class. OUT has concepts.json, concepts.md with the tables,
long_tail.png, and NAME.tsv, which has all concepts of a data set with their counts.
"""

import shlex
import sys
from pathlib import Path

from tandemclip.core.console import command_line
from tandemclip.core.errors import UserError

BY = ("spacy", "textblob", "rule")


def parser() -> command_line.Parser:
    parser = command_line.Parser(description=__doc__)
    parser.add_argument(
        "--source",
        action="append",
        nargs="+",
        default=[],
        metavar=("NAME", "TYPE KEY=VALUE"),
        help="once for each data set: what it shall be called and its source, e.g. mine shards 'paths=data/*.tar'",
    )
    parser.add_argument(
        "--captions", action="append", default=[], metavar="NAME=FILE", help="a text file with a caption a line"
    )
    parser.add_argument(
        "--classes", action="append", default=[], metavar="NAME=FILE", help="class names (JSON) to look for"
    )
    parser.add_argument(
        "--by", choices=BY, help="what finds noun phrases (default: the first of spacy, textblob, rule that is here)"
    )
    least = command_line.at_least(0)
    parser.add_argument("--more-than", type=least, default=5, metavar="N", help="times a concept appears (default: 5)")
    parser.add_argument(
        "--top",
        type=command_line.at_least(1),
        default=10_000,
        metavar="N",
        help="the most frequent concepts of each that are compared (default: 10000)",
    )
    parser.add_argument("--out", type=command_line.path, required=True, metavar="FOLDER", help="where the results go")
    return parser


def main(argv=None):
    return command_line.run(_main, argv, goes_on=True)


def _main(argv):
    args = parser().parse_args(argv)
    from tandemclip.core.concepts import finders, output, report
    from tandemclip.core.concepts.said import OfLines
    from tandemclip.core.console import typed
    from tandemclip.core.data.sources.class_names import read_class_names
    from tandemclip.core.whole_file import refuse_unwritable

    lists = {name: read_class_names(path) for name, path in _pairs("--classes", args.classes).items()}
    files = _pairs("--captions", args.captions)
    data = _sources(args.source, files) | {name: OfLines(Path(path).expanduser()) for name, path in files.items()}
    if not data:
        raise UserError("no data set is given; name one by --source NAME TYPE KEY=VALUE or --captions NAME=FILE")
    refuse_unwritable(args.out / output.REPORT)
    finder, why = (finders.named(args.by), []) if args.by else finders.best()
    print(*why, f"noun phrases by {finder.name}", sep="\n")
    pools = [_counted(name, said, finder, args.more_than) for name, said in data.items()]
    found = report.summarize(pools, lists, args.top, finder, f"{typed.program()} {shlex.join(argv)}")
    output.write(args.out, found, pools)
    print(report.markdown(found))
    print(f"written to {args.out}")


def _counted(name, said, finder, more_than):
    from tandemclip.core.concepts import pool
    from tandemclip.core.console.progress import Progress
    from tandemclip.core.data.account import lines_of

    with Progress(name, len(said)) as progress:
        found = pool.count(name, said, finder, more_than, progress.advance)
    print(*lines_of(found.accounts, f"{name}: "), sep="\n")
    print(f"{name}: {found.captions:,} captions, {found.without_phrase:,} of them without a noun phrase")
    return found


def _sources(given, files):
    from tandemclip.core.concepts.said import OfSource
    from tandemclip.core.config.build import build
    from tandemclip.core.data.sources.source import Source

    found = {}
    for name, *words in given:
        if not words or name in found or name in files or "/" in name:
            raise UserError(
                f"--source {name}: {'give it once' if words else 'its source is missing'}; a data set is a name, "
                "without '/', and a source, such as --source mine shards 'paths=data/*.tar'"
            )
        mapping = command_line.parse_typed(words)
        found[name] = OfSource(build(Source, mapping, f"--source {name}"))
    return found


def _pairs(option, given):
    """["a=b"] -> {"a": "b"}"""
    pairs = {}
    for text in given:
        name, _, path = text.partition("=")
        if not name or not path or name in pairs or "/" in name:
            raise UserError(f"{option} {text}: expected NAME=FILE, each name once")
        pairs[name] = path
    return pairs


if __name__ == "__main__":
    sys.exit(main())
