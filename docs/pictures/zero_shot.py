"""The picture of the README: what a trained model says of scenes that it has never seen.

    python docs/pictures/zero_shot.py --checkpoint runs/first --out docs/pictures/zero_shot.png

The first scenes of the held-out split, and for each the three nearest of all 40 texts "a red seven", with their softmax
at the model's own temperature. Nothing is chosen by hand.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import tandemclip
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.serving.model import Model

COUNT, NEAREST = 6, 3
SIDE, GAP, LINE, SCALE = 120, 20, 34, 2  # in points, and pixels a point
RIGHT, OTHER, INK, PAPER = "#2a8f5a", "#9aa3ad", "#1f2328", "#ffffff"


def answers(model: Model, scenes: Scenes) -> list[list[tuple[str, float]]]:
    """[COUNT][NEAREST] of (text, its softmax over all texts), the nearest first."""
    texts = [text for of_class in scenes.prompts["digit"] for text in of_class]
    pictures = model.encode_images([scenes[number].image for number in range(COUNT)])
    logits = np.exp(model.engine.weights()["logit_scale"]) * model.similarity(pictures, model.encode_texts(texts))
    shares = np.exp(logits - logits.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    return [[(texts[i], float(row[i])) for i in np.argsort(-row)[:NEAREST]] for row in shares]


def drawn(scenes: Scenes, found: list[list[tuple[str, float]]]) -> Image.Image:
    width, height = COUNT * (SIDE + GAP) + GAP, SIDE + NEAREST * LINE + 2 * GAP
    page = Image.new("RGB", (width * SCALE, height * SCALE), PAPER)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(12 * SCALE)
    for column, rows in enumerate(found):
        left = GAP + column * (SIDE + GAP)
        picture = Image.fromarray(scenes[column].image).resize((SIDE * SCALE,) * 2, Image.Resampling.NEAREST)
        page.paste(picture, (left * SCALE, GAP * SCALE))
        for row, (text, share) in enumerate(rows):
            top = GAP + SIDE + 8 + row * LINE
            colour = RIGHT if text == scenes[column].captions[0] else OTHER
            draw.text((left * SCALE, top * SCALE), f"{text}  {share:.0%}", INK, font)
            bar = [left, top + 18, left + max(1, SIDE * share), top + 24]
            draw.rectangle([edge * SCALE for edge in bar], colour)
    return page


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True, help="a run on scenes")
    parser.add_argument("--out", type=Path, required=True, help="the PNG")
    args = parser.parse_args()
    scenes = Scenes(size=48, count=COUNT, digits=1, split="held_out")
    page = drawn(scenes, answers(tandemclip.load(args.checkpoint), scenes))
    page.quantize(256).save(args.out, optimize=True)


if __name__ == "__main__":
    main()
