"""A suite of built-in scenes and checkpoints of drawn weights, for tests."""

from pathlib import Path

from tandemclip.core.config.yaml_text import text
from tandemclip.core.spec import initial_weights
from tandemclip.core.training import checkpoint
from tandemclip.core.training.config import read
from tandemclip.core.training.start import tokenizer_of

CONFIGS = Path(__file__).resolve().parents[4] / "configs" / "pretrain"


def scenes(**given) -> dict:
    return {"type": "scenes", "size": 32, "count": 24, "digits": 1, "split": "held_out", **given}


def write_set(folder, name, **roles) -> str:
    """A data set's file; its path, by which a suite names it."""
    mapping = {"title": f"Scenes {name}", "metric": "top1", "origin": "built in", **roles}
    path = folder / f"{name}.yaml"
    path.write_text(text(mapping))
    return str(path)


def write_suite(folder, sets: dict) -> str:
    path = folder / "small.yaml"
    path.write_text(text({"sets": sets}))
    return str(path)


def write_checkpoint(run, seed=3, config="tiny_clip_vit", step=0) -> str:
    made, mapping = read(CONFIGS / f"{config}.yaml")
    tokenizer = tokenizer_of(made)
    state = {"config": mapping, "tokenizer": None if tokenizer is None else tokenizer.to_json()}
    checkpoint.save(run, step, initial_weights(made.method, seed), {}, state)
    return str(run)


def small(folder) -> tuple[str, list[str]]:
    """A suite with all kinds of answers, and two checkpoints."""
    one = write_set(folder, "digits", source=scenes(), learn=scenes(split="train", seed=1, count=30))
    two = write_set(folder, "captions", source=scenes(seed=5))
    suite = write_suite(folder, {one: ["zero_shot", "linear_probe"], two: ["retrieval"]})
    return suite, [write_checkpoint(folder / "first", 3), write_checkpoint(folder / "second", 4)]
