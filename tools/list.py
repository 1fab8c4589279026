"""Names that ship: configurations, models (presets of towers), data sets and suites of them to evaluate on, and what
`type` in a configuration may say.

    tandemclip list configs
    tandemclip list models

`tandemclip show NAME` tells more of any of them.
"""

import sys

from tandemclip.core.console import command_line

KINDS = ("configs", "models", "sets", "suites", "methods", "sources", "tokenizers", "towers", "protocols", "rules")


def parser() -> command_line.Parser:
    parser = command_line.Parser(description=__doc__)
    parser.add_argument("kind", choices=KINDS, help="rules: of the update, such as adamw")
    return parser


def main(argv=None):
    return command_line.run(_main, argv)


def _main(argv):
    args = parser().parse_args(argv)
    from tandemclip.core.config.catalogue import entries
    from tandemclip.core.console.listing import print_names

    print_names(entries(args.kind))


if __name__ == "__main__":
    sys.exit(main())
