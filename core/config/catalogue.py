"""What ships and can be named in a configuration, with a sentence for each."""

import ast
import dataclasses
import re
import typing
from pathlib import Path

from tandemclip.core.config import shipped
from tandemclip.core.config.build import build
from tandemclip.core.config.docstrings import meanings, summary
from tandemclip.core.config.import_path import import_class
from tandemclip.core.config.keys import key_of
from tandemclip.core.config.reference import COLUMNS, cells, described, shown
from tandemclip.core.config.registry import TYPES, WITHIN
from tandemclip.core.spec import count_parameters
from tandemclip.core.towers.presets import PRESETS

# {what one asks for: the base classes of what may be named there}
KINDS = {
    "methods": ("methods.method:Method",),
    "sources": ("data.sources.source:Source",),
    "tokenizers": ("data.tokenizers.tokenizer:TokenizerConfig",),
    "towers": ("towers.tower:ImageTower", "towers.tower:TextTower"),
    "protocols": ("training.evaluation:Evaluation",),
    "rules": ("training.update:UpdateRule",),
}
CONFIGS, MODELS = "configs", "models"
FILES = {"sets": shipped.data_sets, "suites": shipped.suites}  # what models are evaluated on
LISTS = (CONFIGS, MODELS, *FILES, *KINDS)


def entries(kind: str) -> list[tuple[str, str]]:
    """(name, a sentence) of each of a kind, one of LISTS."""
    if kind == CONFIGS:
        return [
            (name, _first(comment(path)))
            for suffix in (".yaml", ".py")
            for name, path in shipped.configs(suffix).items()
        ]
    if kind in FILES:
        return [(name, _first(comment(path))) for name, path in FILES[kind]().items()]
    if kind == MODELS:
        return [
            (name, f"{type_}, {count_parameters(preset(name)):,} parameters") for name, (type_, _) in PRESETS.items()
        ]
    named = {name: place for base in KINDS[kind] for name, place in TYPES[base].items()}
    return [(name, _first(summary(import_class(WITHIN + place, name)))) for name, place in named.items()]


def comment(path: Path) -> str:
    """What a config's file says of itself: the comment at its head, or its docstring."""
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix == ".py":
        return ast.get_docstring(ast.parse(text)) or ""
    head = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        head.append(line.removeprefix("#").removeprefix(" "))
    return "\n".join(head)


def preset(name: str):
    """The tower that a preset's name stands for."""
    kind, _ = PRESETS[name]
    base = next(base for base in KINDS["towers"] if kind in TYPES[base])
    return build(import_class(WITHIN + base, name), {"type": name})


def preset_lines(name: str) -> list[str]:
    """A preset as the section that it stands for, and what it holds."""
    tower, (kind, given) = preset(name), PRESETS[name]
    values = {key_of(field): getattr(tower, field.name) for field in dataclasses.fields(tower)}
    lines = [f"  {key}: {shown(value)}{'' if key in given else '  (default)'}" for key, value in values.items()]
    return [f"model {name}: {count_parameters(tower):,} parameters", f"  type: {kind}", *lines]


def sections(name: str, root: type) -> list[list[str]]:
    """The keys of every section of a configuration (of the class `root`) that is called or typed `name`, as lines."""
    found = [each for each in described([("", root, "")], set()) if name in (each[2], each[0])]
    return [_section(*each) for each in found]


def names() -> list[str]:
    """All that can be shown, but for the sections of a configuration."""
    configs = [Path(name).name for suffix in (".yaml", ".py") for name in shipped.configs(suffix)]
    return [
        *configs,
        *shipped.data_sets(),
        *shipped.suites(),
        *PRESETS,
        *(name for kinds in TYPES.values() for name in kinds),
    ]


def _section(place: str, cls: type, kind: str) -> list[str]:
    title = f"{place}, type: {kind}" if kind else place
    lines, said = [f"{title}: {summary(cls)}"], meanings(cls)
    hints = typing.get_type_hints(cls, include_extras=True)
    for field in dataclasses.fields(cls):
        key, takes, default, meaning, elsewhere = cells(place, field, hints[field.name], said)
        begins = "needed" if default == "needed" else f"default {default}"
        lines += [f"  {key}: {takes}; {begins}".replace("`", "")]
        lines += [f"      {text}" for text in (meaning, elsewhere and f"{COLUMNS[-1]}: {elsewhere}") if text]
    return lines if dataclasses.fields(cls) else [*lines, "  no keys"]


def _first(text: str) -> str:
    """The first sentence, in one line; a command, which is indented, is none."""
    text = re.split(r"\n +|\n\n", text)[0]
    return re.split(r"\.\s+(?=[A-Z])", " ".join(text.split()))[0].removesuffix(".")
