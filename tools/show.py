"""One of the names that `tandemclip list` has, whole.

    tandemclip show scenes_clip > my.yaml
    tandemclip show LightCLIP-ResNet18
    tandemclip show pyramidclip

A config is printed as YAML, laid over its base, and can be changed and trained: train --config my.yaml. A data set or a
suite: its file. A model: its fields and parameters. A method, source, tokenizer, tower, protocol, rule or section
(data, training): its keys.
"""

import difflib
import sys

from tandemclip.core.config import shipped
from tandemclip.core.console import command_line
from tandemclip.core.errors import UserError


def parser() -> command_line.Parser:
    parser = command_line.Parser(description=__doc__)
    parser.add_argument("name", metavar="NAME", help="of a config (or its file), a model, a method, a source ...")
    return parser


def main(argv=None):
    return command_line.run(_main, argv)


def _main(argv):
    name = parser().parse_args(argv).name
    if shipped.named(name, ".yaml") or name.endswith(".yaml"):
        print(_yaml(shipped.config(name)), end="")
        return
    if shipped.named(name, ".py"):
        print(shipped.detector(name).read_text(), end="")
        return
    if file := (shipped.data_sets() | shipped.suites()).get(name):
        print(file.read_text(encoding="utf-8"), end="")
        return
    from tandemclip.core.config.catalogue import names, preset_lines, sections
    from tandemclip.core.console.listing import print_wrapped
    from tandemclip.core.towers.presets import PRESETS
    from tandemclip.core.training.config import Config

    found = [preset_lines(name)] if name in PRESETS else sections(name, Config)
    if not found:
        near = difflib.get_close_matches(name, names(), 1)
        hint = (
            f"did you mean {near[0]}?" if near else "`tandemclip list configs`, models, methods ... has what there is"
        )
        raise UserError(f"nothing that ships is called {name!r}: {hint}")
    for lines in found:
        for line in lines:
            print_wrapped(line, len(line) - len(line.lstrip()) + 2)


def _yaml(path) -> str:
    """A file's text; where it has a base, its comment and all keys of both."""
    from tandemclip.core.config import yaml_text
    from tandemclip.core.config.catalogue import comment
    from tandemclip.core.training.config import read

    text, (_, mapping) = path.read_text(encoding="utf-8-sig"), read(path)
    if "base" not in yaml_text.parse(text, f"the config {path}"):
        return text
    return "".join(f"# {line}".rstrip() + "\n" for line in comment(path).splitlines()) + yaml_text.text(mapping)


if __name__ == "__main__":
    sys.exit(main())
