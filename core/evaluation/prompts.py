"""Prompts for zero-shot classification."""

from __future__ import annotations

from pathlib import Path


def imagenet_templates() -> tuple[str, ...]:
    """The 80 templates that CLIP uses for ImageNet, with {} for the class name (licence: NOTICE beside them)."""
    return tuple((Path(__file__).parent / "imagenet_templates.txt").read_text(encoding="utf-8").splitlines())


def ensemble(class_name: str, templates: tuple[str, ...]) -> list[str]:
    """One prompt a template: ("red fox", ("a photo of a {}.",)) -> ["a photo of a red fox."]."""
    return [template.replace("{}", class_name) for template in templates]
