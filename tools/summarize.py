"""Count a configuration's parameters and floating-point operations, stage by stage, without an engine.

    tandemclip summarize --config clip_vitb32_yfcc15m_v2

FLOPs are two for each multiply-add of products and convolutions, of a forward pass. In training that is one sample with
all its views, without the objective, which grows with the batch; a step, its gradient included, is three times that. At
inference it is one image, and one text where the method has texts. Parts under "auxiliary" are there in training only.
The row "method" is what the method computes outside of any part, such as the logits of masked words.
"""

import sys

from tandemclip.core.console import command_line


def parser() -> command_line.Parser:
    parser = command_line.Parser(description=__doc__)
    parser.add_config(required=True)
    parser.add_set()
    return parser


def main(argv=None):
    return command_line.run(_main, argv)


def _main(argv):
    args = parser().parse_args(argv)
    from rich.console import Console

    from tandemclip.backends.recorder.cost import Cost, costs, inference_parameters
    from tandemclip.core.console import tables
    from tandemclip.core.training.config import read

    config, _ = read(args.config, command_line.parse_overrides(args.set))
    groups = costs(config.method)
    columns = ("part", "parameters", "MFLOPs\nin training", "MFLOPs\nat inference")
    tables.show(Console(highlight=False), columns, _rows(groups), title=args.config.name)
    total = sum((cost for parts in groups.values() for cost in parts.values()), Cost())
    print(f"training: {total.parameters:,} parameters, {total.training:,} FLOPs")
    used = sum(inference_parameters(config.method).values())
    print(f"inference: {used:,} parameters, {total.inference:,} FLOPs")


def _rows(groups):
    """A row a part; a group that has a name ends with its sum, and with an empty row."""
    from rich.text import Text

    from tandemclip.backends.recorder.cost import Cost

    rows = []
    for group, parts in groups.items():
        rows += [(name, *_figures(cost)) for name, cost in parts.items()]
        if group:
            total = (f"{group}, all", *_figures(sum(parts.values(), Cost())))
            rows += [[Text(cell, "bold") for cell in total], [""] * len(total)]
    return rows


def _figures(cost):
    return f"{cost.parameters:,}", f"{cost.training / 1e6:,.2f}", f"{cost.inference / 1e6:,.2f}"


if __name__ == "__main__":
    sys.exit(main())
