"""Pictures of what a model sees, made of a checkpoint.

    tandemclip look grad-cam --checkpoint runs/clip --source scenes split=held_out --query "a red seven" --out map.png
    tandemclip look pointing-game --checkpoint runs/clip --source scenes split=held_out
    tandemclip look tsne --checkpoint runs/clip --source class_folder path=photos --out tsne.png
    tandemclip look tokens --checkpoint runs/lightclip --source scenes split=held_out --out tokens.png

What each shows, with examples: docs/pictures.md of the repository.
"""

import argparse
import sys
import warnings
from pathlib import Path

from tandemclip import backends
from tandemclip.core.console import command_line
from tandemclip.core.console.command_line import add_command
from tandemclip.core.errors import UserError

AXES = {"views": "image views", "steps": "steps"}


def parser() -> command_line.Parser:
    parser = command_line.Parser(description=__doc__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    command = _of_model(add_command(commands, "grad-cam", _grad_cam, "which places of pictures speak for a text"))
    _add_out(command)
    command.add_argument("--query", type=_asked_for, required=True, metavar="TEXT", help="what is looked for")
    command.add_argument("--words", action="store_true", help="a row for each word of the query too")
    _add_node(command)
    _add_count(command, "--top", 5, "how many pictures, those that are nearest to the query")

    command = _of_model(
        add_command(commands, "pointing-game", _pointing_game, "how often such a map points into the box")
    )
    _add_node(command)
    _add_count(command, "--count", 200, "how many phrases, each of another picture")

    command = _of_model(add_command(commands, "tsne", _tsne, "pictures on a plane, by class"))
    _add_out(command)
    _add_count(command, "--count", 2000, "how many pictures, drawn from the source")

    command = _of_model(add_command(commands, "tokens", _tokens, "which words belong to which places of a picture"))
    _add_out(command)
    _add_count(command, "--count", 4, "how many pictures, the first of the source")

    command = _of_model(add_command(commands, "nearest", _nearest, "which concepts are nearest, with exemplars"))
    _add_out(command)
    help = "one a line: NAME.tsv of tandemclip concepts, or a list of one's own; or class names as JSON"
    command.add_argument("--concepts", type=Path, required=True, metavar="FILE", help=help)
    asked = command.add_mutually_exclusive_group(required=True)
    asked.add_argument("--images", nargs="+", metavar="FILE", help="the pictures that are asked about")
    help = "concepts that are asked about, as in UniCL"
    asked.add_argument("--queries", type=_asked_for, nargs="+", metavar="TEXT", help=help)
    asked.add_argument(
        "--records", nargs="+", metavar="TYPE", help="the first records of another source: TYPE KEY=VALUE"
    )
    _add_count(command, "--count", 3, "how many of --records")
    _add_count(command, "--top", 5, "how many concepts of each")
    _add_count(command, "--exemplars", 2, "how many pictures of the source for each concept")
    help = "the text of a concept, with {} for its name (default: {})"
    command.add_argument("--template", default="{}", metavar="TEXT", help=help)

    command = add_command(commands, "curves", _curves, "the training of several runs: loss and metrics")
    command.add_argument("runs", nargs="+", metavar="RUN", help="a run's folder, or NAME=FOLDER")
    _add_out(command)
    command.add_argument("--axis", choices=AXES, default="views", help="what the x axis counts (default: views)")
    command.add_argument(
        "--smooth", type=command_line.at_least(0), default=20, metavar="STEPS", help="of the loss (default: 20)"
    )
    command.add_argument("--metrics", nargs="+", metavar="NAME", help="which have a panel (default: all)")
    return parser


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
    command.add_argument("--out", type=_png, required=True, metavar="F.png", help="the file of the picture")


def _png(text: str) -> Path:
    path = command_line.path(text)
    if path.suffix.lower() != ".png":
        raise argparse.ArgumentTypeError(f"{text} does not end in .png, and pictures are PNG files; write {text}.png")
    return path


def _asked_for(text: str) -> str:
    from tandemclip.core.data.texts import blank

    if blank(text):
        raise argparse.ArgumentTypeError(f"{text!r} is blank; give a text, and look whether a variable in it is set")
    return text


def _add_count(command, name, default, help):
    command.add_argument(
        name, type=command_line.at_least(1), default=default, metavar="N", help=f"{help} (default: {default})"
    )


def main(argv=None):
    return command_line.run(_main, argv)


def _main(argv):
    args = parser().parse_args(argv)
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: print("remark:", message)
        return args.run(args)


def _opened(args):
    """The model and the source that the command line names."""
    from tandemclip.core.data.account import lines_of
    from tandemclip.core.serving.model import open_model

    engine_class = backends.load(args.backend, args.device)
    engine_class.join()  # as tools/train.py begins: torch then keeps what it frees
    source = _built(args.source, "--source")
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


def _tsne(args):
    """Features of pictures on a plane by t-SNE, coloured by class, and a star for the mean of each class's prompts.

    As in PyramidCLIP's Figure 4 and UniCL's Figure 6.
    """
    from tandemclip.core.data.sources.first import First
    from tandemclip.core.pictures.page import save
    from tandemclip.core.pictures.tsne import drawn, plane
    from tandemclip.core.whole_file import refuse_unwritable

    refuse_unwritable(args.out)
    model, source = _opened(args)
    found = plane(model, First(source, args.count))
    save(drawn(found), args.out)
    stars = "no prompts" if found.stars is None else f"stars: the prompts of {len(found.stars)} classes"
    print(f"{args.out}: {len(found.points):,} pictures; {stars}")
    if found.left_out:
        print(f"remark: {found.left_out:,} records without a class are left out")


def _tokens(args):
    """Words beside the places of the picture that the method holds them together with.

    LightCLIP matches them one to one; FILIP takes the most similar. A picture's first caption is read.
    """
    from tandemclip.core.pictures.page import save
    from tandemclip.core.pictures.tokens import by_word, drawn, matched
    from tandemclip.core.whole_file import refuse_unwritable

    refuse_unwritable(args.out)
    found = matched(*_opened(args), args.count)
    save(drawn(found), args.out)
    print(f"{args.out}: {len(found)} pictures")
    for each in found:
        told = (f"{name} {count} ({cosine:.2f})" for name, count, cosine in by_word(each))
        print(f"{each.text!r}, pairs of each word (mean cosine):", ", ".join(told))


def _nearest(args):
    """The concepts nearest to pictures, and below each the pictures of the source that are nearest to it.

        tandemclip look nearest --checkpoint runs/clip --source shards paths=data/train --images photo.jpg
        --concepts runs/concepts/mine.tsv --out nearest.png

    As in UniCL's Figures 9 and 10; there concepts are asked about, as with --queries. The source is that of training,
    so that exemplars show what the model has learned to call so.
    """
    from tandemclip.core.data.sources.prompts import checked
    from tandemclip.core.evaluation.protocols.features import encode
    from tandemclip.core.pictures import nearest_concepts as nearest
    from tandemclip.core.pictures.concept_page import concept_page
    from tandemclip.core.pictures.page import save
    from tandemclip.core.whole_file import refuse_unwritable

    refuse_unwritable(args.out)
    names, (template,) = _names(args.concepts), checked((args.template,))
    model, source = _opened(args)
    concepts = nearest.concepts_of(model, names, template)
    queries, similarity = _asked(args, model, concepts, template)
    encoded = encode(model, source, {})
    found = nearest.nearest_concepts(model, concepts, similarity, source, encoded, args.top, args.exemplars)
    save(concept_page(queries, found), args.out)
    for (name, _), row in zip(queries, found):
        print(f"{name}: {', '.join(f'{near.concept} {near.similarity:.3f}' for near in row)}")
    print(f"{args.out}: the nearest of {len(names):,} concepts, with the nearest of {len(source):,} pictures")


def _asked(args, model, concepts, template):
    """-> ([(what it is called, its pixels or None)], [Q, M] how near each concept is)"""
    from tandemclip.core.data.records import BrokenRecord
    from tandemclip.core.pictures.nearest_concepts import to_pictures, to_texts
    from tandemclip.core.serving.inputs import records_of

    if args.queries:
        texts = [template.replace("{}", each) for each in args.queries]
        return [(each, None) for each in args.queries], to_texts(model, concepts, texts)
    source = args.images or _built(args.records, "--records")
    try:
        records = records_of(source) if args.images else [source[i] for i in range(min(args.count, len(source)))]
        pixels = [model.method.inference_view().cut(record.pixels) for record in records]
        features = model.encode_images([record.image for record in records])
    except BrokenRecord as error:
        raise UserError(f"{error}; ask about another picture") from error
    called = lambda record: record.captions[0] if record.captions else Path(record.key).name
    return [(called(record), cut) for record, cut in zip(records, pixels)], to_pictures(model, concepts, features)


def _names(path):
    from tandemclip.core.concepts.output import read_concepts
    from tandemclip.core.data.sources.class_names import read_class_names

    return read_class_names(str(path)) if path.suffix == ".json" else read_concepts(path)


def _built(words, option):
    from tandemclip.core.config.build import build
    from tandemclip.core.data.sources.source import Source

    return build(Source, command_line.parse_typed(words), option)


def _curves(args):
    """The loss of each run at every step, faint, and smoothed over it; a panel for each metric, with the chance level.

        tandemclip look curves runs/clip ours=runs/pyramidclip --out curves.png

    Image views make methods comparable: a step of CLIP on B samples has B of them, one of PyramidCLIP 2B.
    """
    from tandemclip.core.pictures.curves import Curve, curves
    from tandemclip.core.pictures.history import history, run_views_a_step
    from tandemclip.core.pictures.page import save
    from tandemclip.core.whole_file import refuse_unwritable

    refuse_unwritable(args.out)
    runs = _named(args.runs)
    a_step = {name: run_views_a_step(run) if args.axis == "views" else 1 for name, run in runs.items()}
    found = [Curve(history(name, run), a_step[name]) for name, run in runs.items()]
    known = list(dict.fromkeys(metric for curve in found for metric in curve.history.metrics))
    if unknown := [name for name in args.metrics or () if name not in known]:
        raise UserError(f"no run has the metric {unknown[0]!r}; measured were {', '.join(known) or 'none'}")
    save(curves(found, args.smooth, args.metrics or known, AXES[args.axis]), args.out)
    for curve in found:
        last, missing = curve.history.steps[-1], sum(curve.history.loss != curve.history.loss)
        more = f", {missing} of them without a loss" if missing else ""
        print(f"{curve.history.name}: {len(curve.history.steps):,} steps up to {last:,}{more}")
    print(f"written to {args.out}")


def _named(given):
    """["runs/a", "b=runs/c"] -> {"a": runs/a, "b": runs/c}"""
    runs = {}
    for text in given:
        name, equals, folder = text.partition("=")
        run = Path(folder if equals else text)
        name = name if equals else run.resolve().name
        if name in runs:
            raise UserError(f"two runs are called {name!r}; give one a name of its own: NAME={run}")
        runs[name] = run
    return runs


if __name__ == "__main__":
    sys.exit(main())
