"""One definition of a vision-language pre-training method, two engines that are proven to agree.

    tandemclip list configs
    tandemclip train --config scenes_clip --out runs/first --minutes 3
    tandemclip evaluate --checkpoint runs/first

Every command has its own --help, and is also called tandemclip-train and so on.
"""

import difflib
import importlib
import sys

from tandemclip.core.console import command_line
from tandemclip.core.errors import UserError

COMMANDS = {  # modules of this folder
    "train": "pre-train a model from one YAML file",
    "evaluate": "measure a checkpoint: zero-shot, retrieval, linear probe",
    "prepare": "make data sets ready: shards, subsets, checks, objects, summaries",
    "compare": "configurations with several seeds, in one table with intervals",
    "concepts": "what captions speak of: noun phrases, long tail, overlap and coverage of class lists",
    "list": "names of configs, models, methods, sources ... that ship",
    "show": "one of them: a config's YAML, a model's sizes, the keys of a method or source",
    "look": "pictures of what a model sees: Grad-CAM, t-SNE, tokens, nearest concepts; training curves",
    "doctor": "what is installed, and whether the engines compute correctly here",
    "parity": "prove that the engines agree, node by node",
    "summarize": "parameters and floating-point operations of a config, by stage",
    "convert": "take over foreign weights as a checkpoint",
    "bench": "measure speed",
    "detect": "train, test and look at an MMDetection detector that begins from a tower",
    "configuration": "print the reference of all keys of a configuration, as Markdown",
}


def parser() -> command_line.Parser:
    width = max(map(len, COMMANDS)) + 2
    lines = "\n".join(f"  {name:<{width}}{help}" for name, help in COMMANDS.items())
    parser = command_line.Parser(description=__doc__, epilog=f"commands:\n{lines}", usage="%(prog)s COMMAND ...")
    parser.add_argument("command", metavar="COMMAND", help="one of those below")
    return parser


def main() -> int:
    if sys.argv[1:] and sys.argv[1] in COMMANDS:
        # as if the command had been a program of its own: what was typed before the arguments stays in sys.orig_argv
        return importlib.import_module(f"tandemclip.tools.{sys.argv.pop(1)}").main()
    return command_line.run(_refuse)


def _refuse(argv):
    given = parser().parse_args(argv[:1]).command
    near = difflib.get_close_matches(given, COMMANDS, 1)
    hint = f"did you mean {near[0]}?" if near else f"it is one of {', '.join(COMMANDS)}"
    raise UserError(f"unknown command {given!r}: {hint}")


if __name__ == "__main__":
    sys.exit(main())
