"""Train a detector of MMDetection that begins from a pre-trained tower, test it, and look at what it finds.

    tandemclip detect train --config coco_sample_mask_rcnn --init runs/clip --out runs/detector
    tandemclip detect train --config coco_sample_mask_rcnn --init runs/clip --out runs/detector --resume
    tandemclip detect test --config coco_sample_mask_rcnn --checkpoint runs/detector
    tandemclip detect show --config coco_sample_mask_rcnn --checkpoint runs/detector --out pictures

The second line goes on where the first was stopped. Without --init the tower begins from random weights, or from what
the config names. On several devices: torchrun --nproc-per-node 8 -m tandemclip.tools.detect train ... They share the config's
batch. How to prepare data, and what each config is: docs/detection.md of the repository.
"""  # noqa: E501

import json
import sys
import warnings
from pathlib import Path

from tandemclip.core.config import shipped
from tandemclip.core.console import command_line
from tandemclip.core.errors import UserError


def parser() -> command_line.Parser:
    parser = command_line.Parser(description=__doc__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    command = _command(commands, "train", _train, "train a detector")
    command.add_argument(
        "--out", type=command_line.path, required=True, help="the run's folder: checkpoints, log, TensorBoard"
    )
    command.add_argument(
        "--init", type=Path, metavar="CKPT", help="a run or checkpoint of `tandemclip train`: its image tower's weights"
    )
    command.add_argument("--resume", action="store_true", help="go on from the newest checkpoint in --out, if any")

    command = _command(commands, "test", _test, "the figures of a trained detector")
    _add_checkpoint(command)
    command.add_argument(
        "--out", type=command_line.path, help="where figures.json and the log go (default: beside the checkpoint)"
    )

    command = _command(commands, "show", _show, "pictures of what a trained detector finds, beside what is there")
    _add_checkpoint(command)
    command.add_argument("--out", type=command_line.path, required=True, help="the folder of the PNGs")
    command.add_argument(
        "--count", type=command_line.at_least(1), default=16, metavar="N", help="how many pictures (default: 16)"
    )
    command.add_argument(
        "--threshold", type=float, default=0.3, metavar="SCORE", help="draw what scores above this (default: 0.3)"
    )
    return parser


def _command(commands, name, run, help):
    """What each takes."""
    command = command_line.add_command(commands, name, run, help)
    command.set_defaults(init=None)
    help = "a file in mmdet's style, or the name of one that ships (tandemclip list configs)"
    command.add_config(type=shipped.detector, required=True, help=help)
    command.add_argument("--data", type=Path, metavar="FOLDER", help="the data set, in place of the config's data_root")
    command.add_set()
    return command


def _add_checkpoint(command):
    command.add_argument(
        "--checkpoint", type=Path, required=True, metavar="RUN", help="a training's folder (its newest) or a .pth file"
    )


def main(argv=None):
    return command_line.run(_main, argv, goes_on=True)


def _main(argv):
    args = parser().parse_args(argv)
    from tandemclip import backends

    warnings.filterwarnings("ignore", "pkg_resources is deprecated")  # mmengine's import, which setuptools<81 has
    backends.load("torch")  # says so where torch is missing
    from tandemclip.downstream.detection import register  # noqa: F401
    from tandemclip.downstream.detection.configured import read

    return args.run(args, read(args.config, args.data, args.init, command_line.parse_overrides(args.set)))


def _train(args, config):
    """Train, with a checkpoint and an evaluation as often as the config says (default_hooks.checkpoint.interval,
    train_cfg.val_interval).

    Exit code 1: a loss was not finite; the line says in which iteration.
    """
    from tandemclip.downstream.detection.finite import NotFinite
    from tandemclip.downstream.detection.session import train
    from tandemclip.downstream.detection.trained_file import NEWEST

    try:
        runner = train(config, args.out, args.resume)
    except NotFinite as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if runner.rank == 0:
        newest = args.out / NEWEST
        written = f"the checkpoint is {newest.read_text()}" if newest.exists() else "no checkpoint was asked for"
        print(f"trained {runner.iter} iterations; {written}")
    return 0


def _test(args, config):
    """Print the figures of the config's test_evaluator, and write them into figures.json."""
    from tandemclip.core.whole_file import whole_file
    from tandemclip.downstream.detection.progress import lines
    from tandemclip.downstream.detection.session import test

    out = args.out or (args.checkpoint if args.checkpoint.is_dir() else args.checkpoint.parent)
    figures = test(config, args.checkpoint, out)
    if not figures:
        raise UserError(f"the test_evaluator of {args.config} gave no figure: name a metric that measures something")
    for line in lines(figures):
        print(line)
    with whole_file(out / "figures.json") as file:
        file.write(json.dumps(figures, indent=2).encode() + b"\n")


def _show(args, config):
    """Draw the first pictures of the test set: on the left the truth, on the right the predictions."""
    from tandemclip.downstream.detection.drawing import draw
    from tandemclip.downstream.detection.session import trained

    with trained(config, args.checkpoint, args.out) as runner:
        count = draw(runner, args.out, args.count, args.threshold)
    print(f"{count} pictures in {args.out}: on the left the truth, on the right what scores above {args.threshold:g}")


if __name__ == "__main__":
    sys.exit(main())
