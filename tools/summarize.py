"""Count a configuration's parameters and floating-point operations, stage by stage, without an engine.

    python tools/summarize.py --config configs/pretrain/clip_vitb32_yfcc15m_v2.yaml

FLOPs are those of one sample's training forward (two for each multiply-add of products and convolutions); the
objective, which grows with the batch, is left out.
"""

import sys
from collections import Counter
from math import prod
from pathlib import Path

from tandemclip.core.console import command_line


def parser() -> command_line.Parser:
    parser = command_line.Parser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="a YAML file, see configs/pretrain/")
    parser.add_set()
    parser.add_argument(
        "--depth",
        type=command_line.at_least(1),
        default=2,
        help="parts of a name that make a stage (default: 2, image.blocks)",
    )
    return parser


def main(argv=None):
    return command_line.run(_main, argv)


def stages(method, depth: int) -> dict[str, tuple[int, int]]:
    """{stage: (parameters, FLOPs of one sample)}; a stage is the first `depth` parts of a dotted name, numbers left
    out.
    """
    from tandemclip.backends.recorder.draws import training_views
    from tandemclip.backends.recorder.record import record_features
    from tandemclip.core.data.views.view import batch_arrays

    stage = lambda name: ".".join([part for part in name.split(".") if not part.isdigit()][:depth])
    parameters = Counter()
    for name, parameter in method.all_parameters():
        parameters[stage(name)] += prod(parameter.shape)
    flops = Counter()
    for call in record_features(method, batch_arrays(training_views(method), 1)).program.calls:
        flops[stage(call.node)] += call.flops
    order = dict.fromkeys([*parameters, *(name for name, count in flops.items() if count)])
    return {name: (parameters[name], flops[name]) for name in order}


def _main(argv):
    args = parser().parse_args(argv)
    from rich.console import Console
    from rich.table import Table

    from tandemclip.core.spec import count_parameters
    from tandemclip.core.training.config import read

    config, _ = read(args.config, command_line.parse_overrides(args.set))
    table = Table("stage", "parameters", "GFLOPs a sample", title=str(args.config))
    found = stages(config.method, args.depth)
    for name, (parameters, flops) in found.items():
        table.add_row(name or "(root)", f"{parameters:,}", f"{flops / 1e9:.3f}")
    Console().print(table)
    print(f"parameters {count_parameters(config.method)}")
    print(f"flops {sum(flops for _, flops in found.values())}")


if __name__ == "__main__":
    sys.exit(main())
