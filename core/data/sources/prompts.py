"""Prompts for zero-shot classification."""

from __future__ import annotations

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


def checked(templates: Templates) -> tuple[str, ...]:
    """The templates themselves. Raises UserError where there is none, for one that names no class, and for one that
    stands twice, which would count twice."""
    if templates in ("imagenet", "unicl"):
        return imagenet_templates() + (
            ("{}.",) if templates == "unicl" else ()
        )  # what released UniCLs were trained with
    if not templates:
        raise UserError("templates is an empty list; write one like 'a photo of a {}.', or leave it out")
    for template in templates:
        if "{}" not in template:
            raise UserError(
                f"the template {template!r} has no place for a class name; write it like 'a photo of a {{}}.'"
            )
        if templates.count(template) > 1:
            raise UserError(f"the template {template!r} stands there twice; keep one")
    return templates
