"""One mapping from a YAML file and those that it names as its base."""

from pathlib import Path

from tandemclip.core.config import yaml_text
from tandemclip.core.config.yaml_text import merge
from tandemclip.core.errors import UserError


def read_mapping(path: Path, what: str, keys: str, above: tuple[Path, ...] = ()) -> dict:
    """The file's own keys laid over those of the file that it names as `base`, relative to itself.

    what, keys: what the file is called and which keys it should have, for messages: "config", "method, data and
    training". above: the files that this one is a base of.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        lists = f"`tandemclip list {what.split()[-1]}s` has those that ship"
        raise UserError(f"the {what} {path} cannot be read: {error.strerror}; {lists}") from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"the {what} {path} is not UTF-8: {error.reason} at byte {error.start}; save it as UTF-8"
        ) from error
    mapping = yaml_text.parse(text, f"the {what} {path}")
    if not isinstance(mapping, dict):
        holds = "nothing" if mapping is None else f"a {'list' if isinstance(mapping, list) else 'single value'}"
        raise UserError(f"the {what} {path} holds {holds}, expected keys {keys}")
    base = mapping.pop("base", None)
    if base is None:
        return mapping
    if not isinstance(base, str):
        raise UserError(f"base of the {what} {path} is {base!r}, expected the path of another one, relative to it")
    if path.resolve() in above:
        raise UserError(f"the {what} {path} is its own base: take `base` out of one of the files")
    return merge(read_mapping(path.parent / base, what, keys, (*above, path.resolve())), mapping)
