"""Print the reference of all keys of a configuration, docs/configuration.md.

python tools/configuration.py > docs/configuration.md
"""

import sys

from tandemclip.core.console import command_line


def parser() -> command_line.Parser:
    return command_line.Parser(description=__doc__)


def main(argv=None):
    return command_line.run(_main, argv)


def _main(argv):
    parser().parse_args(argv)
    from tandemclip.core.config.reference import page
    from tandemclip.core.training.config import Config

    print(page(Config), end="")


if __name__ == "__main__":
    sys.exit(main())
