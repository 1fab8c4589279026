"""The configuration that a checkpoint of mmengine carries as text, read without running it.

mmengine itself reads such text by running it as a program, and so could a stranger's checkpoint run anything.
"""

import ast

from mmengine.config import Config

from tandemclip.core.errors import UserError

OURS = "tandemclip.downstream.detection"


def read(text: str, source: str) -> Config:
    """What `Config.pretty_text` wrote: assignments of plain values, of which nothing is run.

    Raises UserError, by the name of the `source`, for anything else.
    """
    try:
        return Config({name: value for line in ast.parse(text).body for name, value in _assigned(line)})
    except (SyntaxError, ValueError) as error:
        raise UserError(
            f"{source}: its configuration holds more than plain values ({error}); expected what mmengine writes into "
            "a checkpoint's meta['cfg']"
        ) from error


def _assigned(line: ast.stmt):
    if not isinstance(line, ast.Assign) or not all(isinstance(target, ast.Name) for target in line.targets):
        raise ValueError(f"line {line.lineno}: {ast.unparse(line)[:60]}")
    for target in line.targets:
        yield target.id, _value(line.value)


def _value(node: ast.expr):
    match node:
        case ast.Call(func=ast.Name(id="dict"), args=[]) if all(keyword.arg for keyword in node.keywords):
            return {keyword.arg: _value(keyword.value) for keyword in node.keywords}
        case ast.List() | ast.Tuple():
            items = [_value(item) for item in node.elts]
            return items if isinstance(node, ast.List) else tuple(items)
        case ast.Dict() if all(node.keys):
            return {ast.literal_eval(key): _value(value) for key, value in zip(node.keys, node.values)}
    return ast.literal_eval(node)


def refuse_foreign(config: Config, source: str) -> None:
    """UserError where building from the configuration would import modules that it names, other than ours.

    mmengine's registries import whatever a `type` with a dot in it names, and ours (a TandemBackbone's tower) do with a
    colon.
    """
    imports = config.get("custom_imports", {}).get("imports", [])
    foreign = [name for name in imports if not f"{name}.".startswith(f"{OURS}.")]
    foreign += [name for name in _types(config.to_dict()) if set(name) & set(".:")]
    if foreign:
        raise UserError(
            f"{source}: its configuration names {', '.join(sorted(set(foreign)))}, and importing that runs its code; "
            "give --trust if you trust where the checkpoint comes from"
        )


def _types(value):
    """Every value of a key `type`, at any depth."""
    if isinstance(value, dict):
        if isinstance(value.get("type"), str):
            yield value["type"]
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _types(item)
