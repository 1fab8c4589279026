"""Prompts for zero-shot classification."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from tandemclip.core.errors import UserError

Templates = (
    tuple[str, ...] | Literal["imagenet", "unicl"]
)  # of one's own, with {} for the class name, CLIP's 80, and one more
PHOTO = ("a photo of a {}.",)


def imagenet_templates() -> tuple[str, ...]:
    """The 80 templates that CLIP uses for ImageNet, with {} for the class name (licence: NOTICE beside them)."""
    return tuple((Path(__file__).parent / "imagenet_templates.txt").read_text(encoding="utf-8").splitlines())


def ensemble(class_name: str, templates: tuple[str, ...]) -> list[str]:
    """One prompt a template: ("red fox", ("a photo of a {}.",)) -> ["a photo of a red fox."]."""
    return [template.replace("{}", class_name) for template in templates]


def read_class_names(path: str) -> list[str]:
    """From a JSON list of names, or of mappings with a "name". Raises UserError for anything else."""
    try:
        classes = json.loads(Path(path).expanduser().read_bytes())
        return [entry if isinstance(entry, str) else entry["name"] for entry in classes]
    except OSError as error:
        raise UserError(f"the class names {path} cannot be read ({error.strerror}); correct the path") from error
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path} is no JSON list of class names or of mappings with a name ({error!r}); "
            'write it like ["cat", "dog"]'
        ) from error


def checked(templates: Templates) -> tuple[str, ...]:
    """The templates themselves. Raises UserError for one that names no class."""
    if templates in ("imagenet", "unicl"):
        return imagenet_templates() + (
            ("{}.",) if templates == "unicl" else ()
        )  # what released UniCLs were trained with
    for template in templates:
        if "{}" not in template:
            raise UserError(
                f"the template {template!r} has no place for a class name; write it like 'a photo of a {{}}.'"
            )
    return templates
