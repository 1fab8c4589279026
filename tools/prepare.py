"""Make data sets ready for training.

    tandemclip prepare shards --source captions_table path=photos/captions.csv --out data/photos
    tandemclip prepare sample --source shards 'paths=data/photos/*.tar' --count 1000 --out data/photos_1000
    tandemclip prepare detection --split train voc_objects path=VOC2007 split=trainval --out data/voc07

A source is named as a config names it: its type, then its fields as key=value. A command that was stopped goes on where
it stood when it is given again.
"""

import sys
from pathlib import Path

from tandemclip import backends
from tandemclip.core.console import command_line
from tandemclip.core.console.command_line import add_command
from tandemclip.core.console.versions import how_to_install
from tandemclip.core.errors import UserError

NAMED = 10  # broken records that are printed; files have all
SHOWN = 3  # of what a detection set leaves out, for each reason


def parser() -> command_line.Parser:
    parser = command_line.Parser(description=__doc__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    command = add_command(commands, "shards", _shards, "any source as tar shards (WebDataset) that train at full speed")
    _add_source(command)
    _add_out(command)

    command = add_command(commands, "sample", _sample, "a random subset of a source as shards")
    _add_source(command)
    command.add_argument("--count", type=command_line.at_least(1), required=True, metavar="N", help="how many records")
    command.add_argument("--seed", type=command_line.at_least(0), default=0, help="which ones (default: 0)")
    _add_out(command)

    command = add_command(
        commands, "select", _select, "the records whose image and captions a model finds most alike, as shards"
    )
    _add_source(command)
    command.add_argument("--top", type=command_line.at_least(1), required=True, metavar="N", help="how many records")
    command.add_argument("--by", choices=["similarity"], default="similarity", help="cosine of image and caption")
    command.add_argument("--checkpoint", type=Path, required=True, help="a run's folder (its newest) or a checkpoint's")
    command.add_backend(backends.default())
    command_line.add_trust(command)
    _add_out(command)

    command = add_command(commands, "check", _check, "read a data set once and tell what training on it will meet")
    help = "a YAML file, or the name of one that ships (tandemclip list configs): its data.train is read"
    command.add_config(required=True, help=help)
    command.add_set()
    command.add_argument(
        "--out", type=command_line.path, required=True, metavar="FOLDER", help="where check.json and bad_records.txt go"
    )

    command = add_command(
        commands, "detection", _detection, "any source with boxes as COCO's json and PASCAL VOC's tree"
    )
    command.add_argument(
        "--split",
        action="append",
        nargs="+",
        required=True,
        metavar=("NAME", "TYPE KEY=VALUE"),
        help="once for each split: its name and its source, e.g. train voc_objects path=VOC2007 split=trainval",
    )
    command.add_argument(
        "--out",
        type=command_line.path,
        required=True,
        metavar="FOLDER",
        help="a folder that is not there yet: whole, or not made",
    )

    command = add_command(commands, "objects", _objects, "object descriptions and ROI features of what is on a picture")
    _add_rewrite(command)
    found_by = command.add_mutually_exclusive_group(required=True)
    found_by.add_argument(
        "--encoder", type=Path, metavar="CHECKPOINT", help="boxed phrases: a run or a checkpoint, its image tower"
    )
    found_by.add_argument(
        "--detector",
        type=Path,
        metavar="RUN",
        help="an object-attribute detector: a training's folder (its newest) or a .pth file",
    )
    found_by.add_argument(
        "--features", type=Path, metavar="TSV", help="regions that others extracted: bottom-up attention's, VinVL's"
    )
    command.add_argument("--predictions", type=Path, metavar="TSV", help="the words of --features: VinVL's predictions")
    command.add_argument(
        "--columns", nargs="+", default=[], metavar="NAME", help="of --features, where they are not those of either"
    )
    command.add_argument(
        "--image-key", metavar="NAME", help="what names a sample's picture in --features (default: the sample's key)"
    )
    command.add_backend(backends.default())
    command_line.add_trust(command)

    command = add_command(commands, "summaries", _summaries, "a summary of each picture's captions")
    _add_rewrite(command)
    command.add_argument(
        "--model",
        required=True,
        metavar="rules|FOLDER",
        help="rules, which stand in for a T5, or the folder of a T5 (transformers)",
    )

    command = add_command(commands, "fetch-help", _fetch_help, "where a data set to evaluate on comes from")
    command.add_argument("name", nargs="?", metavar="NAME", help="of a data set, or its file (default: lists all)")
    return parser


def _add_source(command):
    command.add_argument(
        "--source",
        nargs="+",
        required=True,
        metavar=("TYPE", "KEY=VALUE"),
        help="captions_table path=photos/captions.csv, coco_captions path=captions.json folder=images, "
        "class_folder path=photos, or shards 'paths=data/*.tar'",
    )


def _add_out(command):
    command.add_argument("--out", type=command_line.path, required=True, metavar="FOLDER", help="where the shards go")
    command.add_argument(
        "--per-shard", type=command_line.at_least(1), default=1000, metavar="N", help="records in each (default: 1000)"
    )
    command.add_argument(
        "--short-side",
        type=command_line.at_least(1),
        metavar="PIXELS",
        help="shrink larger images to this, as JPEG of quality 95 (default: files stay byte for byte what they are)",
    )


def _add_rewrite(command):
    command.add_argument(
        "--in", dest="patterns", nargs="+", required=True, metavar="TAR", help="shards, e.g. 'data/train/*.tar'"
    )
    command.add_argument(
        "--out",
        type=command_line.path,
        required=True,
        metavar="FOLDER",
        help="where the new shards go, under the same names",
    )


def _shards(args):
    """Write the records of a source as tar shards (WebDataset) and OUT/report.json, which names those that are broken.

        tandemclip prepare shards --source class_folder path=photos --out data/photos --short-side 256

    OUT/classes.json names the classes, if the source does; a class becomes a text where shards are given `classes` and
    `templates`. A captions_table (.csv, .tsv) has columns path and caption, or others that path_column= and
    caption_column= name.
    """
    from tandemclip.core.preparation import shards

    source, of_source = _source(args)
    _written(args, shards.write_shards(source, shards.open_ledger(args.out, {**of_source, **_layout(args)})))


def _sample(args):
    """Write a random subset of a source as shards, in the source's order.

    tandemclip prepare sample --source shards 'paths=data/photos/*.tar' --count 1000 --out data/photos_1000
    """
    from tandemclip.core.preparation import sample, shards

    source, of_source = _source(args)
    chosen = sample.sample(len(source), args.count, args.seed)
    ledger = shards.open_ledger(args.out, {**of_source, **_layout(args), "count": args.count, "seed": args.seed})
    _written(args, shards.write_shards(source, ledger, chosen))


def _select(args):
    """Write the N records whose image and caption a trained model finds most similar as shards, in the source's order.

        tandemclip prepare select --top 1000 --checkpoint runs/clip --source shards paths=data/photos --out data/best

    The similarity is the cosine of the image and the caption; the mean where it has several. OUT/similarities.jsonl
    keeps all: copied to another --out it is used there, for another N.
    """
    from hashlib import sha256

    from tandemclip.core.preparation import select, shards
    from tandemclip.core.preparation.ledger import Ledger
    from tandemclip.core.training import checkpoint

    source, of_source = _source(args)
    found = checkpoint.resolve(args.checkpoint)
    model = _model(found, args)
    made = {**of_source, "checkpoint": sha256((found / checkpoint.MANIFEST).read_bytes()).hexdigest()}
    ledger = shards.open_ledger(args.out, {**made, **_layout(args), "top": args.top})
    similarity, broken = select.similarities(source, model, Ledger(args.out / select.LEDGER, made))
    _written(args, shards.write_shards(source, ledger, select.top(similarity, args.top), broken))


def _model(path, args):
    from tandemclip.core.serving.model import open_model

    engine_class = backends.load(args.backend, args.device)
    engine_class.join()  # as tools/train.py begins: torch then keeps what it frees, twice as fast for MobileNet
    return open_model(path, engine_class, args.trust)


def _source(args):
    """-> (the source, what tells it from others)"""
    from tandemclip.core.preparation import shards

    source, mapping = _built(args.source, "--source")
    return source, shards.identity(source, mapping)


def _built(words, option):
    """-> (the source, what it was built from) of [its type, KEY=VALUE ...]"""
    from tandemclip.core.config.build import build
    from tandemclip.core.data.sources.source import Source

    mapping = command_line.parse_typed(words)
    return build(Source, mapping, option), mapping


def _layout(args):
    return {"per_shard": args.per_shard, "short_side": args.short_side}


def _written(args, report):
    from tandemclip.core.data.account import printable
    from tandemclip.core.preparation.shards import REPORT

    _print_accounts(report["accounts"])
    print(f"{report['written']} records in {report['shards']} shards in {args.out}, described in {args.out / REPORT}")
    if broken := report["left_out"]:
        print(f"{len(broken)} broken records were left out, the first of them:")
        print(*(printable(f"  {entry['key']}: {entry['why']}") for entry in broken[:NAMED]), sep="\n")
    if not report["written"]:
        raise UserError(
            f"none of the {len(broken)} records can be used, so that the shards are empty; repair the source"
        )


def _print_accounts(accounts):
    from tandemclip.core.data.account import Account, lines_of

    print(*lines_of(map(Account.from_json, accounts)), sep="\n")


def _check(args):
    """Read every record of a config's data.train once and tell what training on it will meet; last, what to do.

        tandemclip prepare check --config flickr8k_clip_vit --out data/flickr8k_check

    First what was read and what was passed over, by reason. Then images that cannot be decoded, captions that are
    empty, repeated or longer than the context, how many pairs of a batch are false negatives (captions or labels that
    are equal), how fast images are read. data.workers=N: by so many processes. OUT/bad_records.txt: what to leave out.
    """
    from tandemclip.core.preparation import check_report, check_told
    from tandemclip.core.training.config import read

    config, _ = read(args.config, command_line.parse_overrides(args.set))
    check_told.tell(check_report.check(config), args.out)


def _detection(args):
    """Write pictures, boxes, categories and, where they are known, attributes and masks for a detector: OUT/annotations
    (COCO's json) and OUT/VOC2007, over the same pictures. OUT/report.json names what was passed over.

        tandemclip prepare detection --split train scenes size=128 count=3000 seed=1 --split test scenes size=128
        count=500 seed=1 split=held_out --out data/scenes_detection

    Sources with boxes are scenes, coco_objects, voc_objects, and shards with "objects" or "phrases". A phrase without a
    category is an "object". Category ids count from 1 and are the same in all splits.
    """
    from tandemclip.core.data.account import printable
    from tandemclip.core.preparation.detection import write_detection

    splits, made_of = {}, {}
    for name, *words in args.split:
        if not words or name in splits:
            raise UserError(
                f"--split {name}: {'give it once' if words else 'its source is missing'}; a split is a name and a "
                "source, such as --split train voc_objects path=VOC2007"
            )
        splits[name], made_of[name] = _built(words, f"--split {name}")
    report = write_detection(splits, args.out, made_of)
    for accounts in report["accounts"].values():
        _print_accounts(accounts)
    for name, found in report["splits"].items():
        boxes = found["boxes"]
        print(
            f"{name}: {found['pictures']} pictures, {found['without_boxes']} without a box; {sum(boxes.values())} boxes"
        )
        print("  " + ", ".join(f"{category} {count}" for category, count in boxes.items()))
    for reason, names in report["passed_over"].items():
        print(f"passed over: {reason} ({len(names)}), the first of them:")
        print(*(printable(f"  {name}") for name in names[:SHOWN]), sep="\n")
    print(f"written to {args.out}; report.json there names all that was passed over")


def _objects(args):
    """Add what PyramidCLIP's ROI level reads: the 10 "objects" of highest confidence and their features (NNN.rois.npy).

        tandemclip prepare objects --detector runs/detector --in 'data/photos/*.tar' --out data/photos_pyramid

    --encoder takes boxed phrases ("phrases": [{"phrase", "box"}]) in place of a detector's objects. A detector gives
    confidences, people who draw boxes do not: the confidence that is written is the box's share of the picture, so that
    the largest come first. --features takes what others extracted; these files have no words, so that --predictions or
    a column "phrases" has to give them.
    """
    if args.features is None and (args.predictions or args.columns or args.image_key):
        raise UserError("--predictions, --columns and --image-key say how to read --features FILE; give that too")
    _report(_with_objects(args), "objects")


def _with_objects(args):
    from tandemclip.core.preparation import found_objects, objects

    if args.encoder is not None:
        return objects.add_objects(args.patterns, args.out, _model(args.encoder, args))
    if args.features is not None:
        from tandemclip.core.preparation.feature_files import FeatureFile

        file = FeatureFile(args.features, tuple(args.columns), args.predictions, args.image_key)
        return found_objects.add_found(args.patterns, args.out, file.job, file)
    detector = _detector(args.detector, args.trust)
    job = {"detector": detector.identity}
    return found_objects.add_found(args.patterns, args.out, job, found_objects.detected(detector))


def _detector(path, trust):
    try:
        from tandemclip.downstream.detection.attributes.detector import open_detector
    except ModuleNotFoundError as error:
        raise UserError(
            f"--detector needs the package {error.name}, which is not installed: {how_to_install('detection')}"
        ) from error
    return open_detector(path, trust)


def _summaries(args):
    """Add the "summary" that PyramidCLIP's global level reads.

        tandemclip prepare summaries --model rules --in 'data/flickr/train/*.tar' --out data/flickr_summaries/train

    Of several captions the one that shares most words with the others is shortened. `rules` stand in for the paper's
    T5: they drop asides, subordinate clauses and attributes, and leave short captions alone.
    """
    from tandemclip.core.preparation import summaries

    summarise = summaries.by_rules if args.model == "rules" else _t5(args.model)
    _report(summaries.add_summaries(args.patterns, args.out, args.model, summarise), "summaries")


def _t5(folder):
    try:
        from tandemclip.backends.torch.t5 import T5
    except ModuleNotFoundError as error:
        name = error.name or "transformers"  # which names no package where one that it needs itself does not fit
        raise UserError(
            f"--model {folder} needs the package {name}, which is missing or does not fit what is installed: pip "
            f"install {name}; or take --model rules"
        ) from error
    return T5(folder)


def _report(done, what):
    from tandemclip.core.data.account import lines_of

    print(*lines_of(done.accounts), sep="\n")
    print(f"{done.counts['samples']} samples, {done.counts[what]} {what}; what was passed over is copied as it is")


def _fetch_help(args):
    """Say where the archive of a data set comes from, and what to unpack where; nothing is fetched.

    tandemclip prepare fetch-help cifar10
    """
    from tandemclip.core.preparation import fetch_help

    fetch_help.tell(args.name)


def main(argv=None):
    return command_line.run(_main, argv, goes_on=True)


def _main(argv):
    args = parser().parse_args(argv)
    return args.run(args)


if __name__ == "__main__":
    sys.exit(main())
