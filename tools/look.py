"""Pictures of what a model sees, made of a checkpoint.

    tandemclip look grad-cam --checkpoint runs/clip --source scenes split=held_out --query "a red seven" --out map.png
    tandemclip look pointing-game --checkpoint runs/clip --source scenes split=held_out

What each shows, with examples: docs/pictures.md of the repository.
"""

import sys
from inspect import getdoc
from pathlib import Path

from tandemclip import backends
from tandemclip.core.console import command_line


def parser() -> command_line.Parser:
    parser = command_line.Parser(description=__doc__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    command = _of_model(_command(commands, "grad-cam", _grad_cam, "which places of pictures speak for a text"))
    _add_out(command)
    command.add_argument("--query", required=True, metavar="TEXT", help="what is looked for")
    command.add_argument("--words", action="store_true", help="a row for each word of the query too")
    _add_node(command)
    _add_count(command, "--top", 5, "how many pictures, those that are nearest to the query")

    command = _of_model(_command(commands, "pointing-game", _pointing_game, "how often such a map points into the box"))
    _add_node(command)
    _add_count(command, "--count", 200, "how many phrases, each of another picture")
    return parser


def _command(commands, name, run, help):
    """The parser of a sub-command; `run` gets its arguments."""
    command = commands.add_parser(name, help=help, description=getdoc(run))
    command.set_defaults(run=run)
    return command


def _of_model(command):
    """What each takes that looks at a model and at a source."""
    help = "a run's folder (its newest checkpoint), RUN/best, or a checkpoint's"
    command.add_argument("--checkpoint", type=Path, required=True, help=help)
    help = "whose pictures: a source as a config names it"
    command.add_argument("--source", nargs="+", required=True, metavar=("TYPE", "KEY=VALUE"), help=help)
    command.add_backend(backends.default())
    command_line.add_trust(command)
    return command


def _add_node(command):
    help = "the node of the image tower that is watched (default: the last one that has places)"
    command.add_argument("--node", metavar="NAME", help=help)


def _add_out(command):
    command.add_argument("--out", type=Path, required=True, metavar="F.png", help="the file of the picture")


def _add_count(command, name, default, help):
    command.add_argument(
        name, type=command_line.at_least(1), default=default, metavar="N", help=f"{help} (default: {default})"
    )


def main(argv=None):
    return command_line.run(_main, argv)


def _main(argv):
    args = parser().parse_args(argv)
    return args.run(args)


def _opened(args):
    """The model and the source that the command line names."""
    from tandemclip.core.config.build import build
    from tandemclip.core.data.account import lines_of
    from tandemclip.core.data.sources.source import Source
    from tandemclip.core.serving.model import open_model

    engine_class = backends.load(args.backend, args.device)
    engine_class.join()  # as tools/train.py begins: torch then keeps what it frees
    mapping = {"type": args.source[0], **command_line.parse_overrides(args.source[1:])}
    source = build(Source, mapping, "--source")
    model = open_model(args.checkpoint, engine_class, args.trust)
    print(backends.about(args.backend))
    print(*lines_of(source.account()), sep="\n")
    return model, source


def _grad_cam(args):
    """The pictures that a model finds for a text, and over each of them where it finds it (Grad-CAM).

    As in PyramidCLIP's Figures 5 and 8; with --words as in LightCLIP's Figure 3.
    """
    from tandemclip.core.evaluation.protocols.features import encode
    from tandemclip.core.pictures.heatmaps import heatmaps
    from tandemclip.core.pictures.page import save
    from tandemclip.core.pictures.queried import blank, queried
    from tandemclip.core.whole_file import refuse_unwritable

    refuse_unwritable(args.out)
    model, source = _opened(args)
    rows = queried(model, source, encode(model, source, {}), args.query, args.top, args.words, args.node)
    save(heatmaps(rows), args.out)
    print(f"{args.out}: {len(rows[0].pixels)} pictures of {len(source):,}, the nearest to {args.query!r} first")
    print(*(f"remark: {each}" for each in blank(rows)), sep="\n", end="")


def _pointing_game(args):
    """How often the map of a phrase is largest within the phrase's box and within no other one (Zhang et al. 2016).

    Beside it two that know nothing: a constant map, and the map of a phrase of another picture. The source names things
    by boxes and phrases: scenes digits=2, coco_objects, shards with phrases.
    """
    from tandemclip.core import figures
    from tandemclip.core.pictures.pointing import pointing_game

    print(*figures.lines(pointing_game(*_opened(args), args.count, args.node)), sep="\n")


if __name__ == "__main__":
    sys.exit(main())
