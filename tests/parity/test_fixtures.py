"""The definitions against numbers that the released code gave, through the tables that load released weights."""

import re
from dataclasses import dataclass
from math import isqrt

import numpy as np
import pytest

from tandemclip.backends.recorder.record import record
from tandemclip.core.closeness import errors, zero_in_theory
from tandemclip.core.interop import declip, open_clip, pyramidclip, unicl
from tandemclip.core.interop.adapter import Row, convert, under
from tandemclip.core.layers.roi import CORNERS, RoiInput
from tandemclip.core.methods.clip import CLIP
from tandemclip.core.methods.method import unit
from tandemclip.core.methods.pyramidclip import PyramidCLIP
from tandemclip.core.methods.unicl import UniCL
from tandemclip.core.spec import Spec
from tandemclip.core.towers.modified_resnet import ModifiedResNet
from tandemclip.core.towers.swin import SwinTransformer
from tandemclip.core.towers.text import TextTransformer
from tandemclip.core.towers.vit import VisionTransformer
from tandemclip.tests.parity.interpreters import INTERPRETERS

NAMES = ("pyramidclip_vit", "pyramidclip_rn", "openai_clip_vit", "openai_clip_rn", "unicl_swin", "declip_text")
WITH_BATCH_NORM = ("pyramidclip_vit", "pyramidclip_rn", "openai_clip_rn")
EAGER = ("openai_clip_vit", "pyramidclip_rn", "unicl_swin", "declip_text")
OUTPUTS, GRADIENTS = 1e-5, 1e-4
FIRST = 7  # objects of roi_feature_first7


@dataclass(frozen=True)
class Texts(Spec):
    """A text tower by itself: DeCLIP's differs from CLIP's, its picture tower does not."""

    text: TextTransformer

    def children(self):
        return {"text": self.text}


def method(config):
    if "window_size" in config:
        return unicl_method(config)
    if "vision_layers" not in config:
        return Texts(
            TextTransformer(
                config["vocab_size"], config["context_length"], config["transformer_width"],
                config["transformer_layers"], config["transformer_heads"], config["embed_dim"], projection_bias=True,
            )
        )  # fmt: skip
    size, embed_dim = config["image_resolution"], config["embed_dim"]
    roi = RoiInput(config["roi_width"] - CORNERS) if "roi_width" in config else None
    text = TextTransformer(
        config["vocab_size"], config["context_length"], config["transformer_width"], config["transformer_layers"],
        config["transformer_heads"], embed_dim, pool="max" if roi else "end",
    )  # fmt: skip
    layers, width, heads = config["vision_layers"], config["vision_width"], config["vision_heads"]
    if isinstance(layers, list):
        image = ModifiedResNet(size, tuple(layers), width, heads, embed_dim, roi)
    else:
        front = config.get("leff_blocks", 0)
        patch = config["vision_patch_size"]
        image = VisionTransformer(
            size, patch, width, layers, heads, embed_dim, leff_depth=front, roi=roi, frozen_patches=roi is not None
        )
    return (PyramidCLIP if roi else CLIP)(image, text)


def unicl_method(config):
    text = TextTransformer(
        config["vocab_size"], config["context_length"], config["transformer_width"], config["transformer_layers"],
        config["transformer_heads"], config["projection"], eps=1e-12,
    )  # fmt: skip
    image = SwinTransformer(
        resolution=config["image_resolution"],
        embed_dim=config["projection"],
        width=config["embed_dim"],
        depths=tuple(config["depths"]),
        heads=tuple(config["num_heads"]),
        window=config["window_size"],
        patch=config["patch_size"],
    )
    return UniCL(image, text)


# ------------------------------------------------------------------ what the released code was asked for
def evaluate_clip(ops, p, x):
    u, v = p.image(x["images"]), p.text(x["tokens"])
    found = {"image_feature": u, "text_feature": v, "image_feature_l2": unit(ops, u), "text_feature_l2": unit(ops, v)}
    scaled = found["image_feature_l2"] * ops.exp(p["logit_scale"])
    logits = ops.matmul(scaled, ops.transpose(found["text_feature_l2"], (1, 0)))
    found |= {"logits_per_image": logits, "logits_per_text": ops.transpose(logits, (1, 0))}
    return found | {"scalar": ops.sum(logits * x["cotangent_logits"], (0, 1))}


def evaluate_unicl(ops, p, x):
    found = {
        "image_feature": p.image(x["images"]),
        "text_feature": p.text(x["tokens"]),
        "scale": ops.exp(p["logit_scale"]),
    }
    found |= {f"{name}_feature_l2": unit(ops, found[f"{name}_feature"]) for name in ("image", "text")}
    u, v = found["image_feature_l2"], found["text_feature_l2"]
    found["logits_per_image"] = ops.matmul(u, ops.transpose(v, (1, 0))) * found["scale"]
    return found | {"scalar": ops.sum(u * x["cotangent_image"], (0, 1)) + ops.sum(v * x["cotangent_text"], (0, 1))}


def evaluate_texts(ops, p, x):
    seen = p.text.encode(x["tokens"])
    l2 = unit(ops, seen.embedding)
    found = {"text_feature": seen.embedding, "text_feature_l2": l2, "token_features": seen.tokens[0]}
    return found | {"scalar": ops.sum(l2 * x["cotangent_text"], (0, 1))}


def evaluate_pyramidclip(ops, p, x):
    found = {"image_feature": p.image(x["images"]), "text_feature": p.text(x["tokens"])}
    found["roi_feature"] = p.image.encode_rois(x["rois"], x["everything"])
    found |= {f"{name}_l2": unit(ops, feature) for name, feature in found.items()}
    terms = [ops.sum(found[f"{s}_feature_l2"] * x[f"cotangent_{s}"], (0, 1)) for s in ("image", "text", "roi")]
    found["roi_feature_first7"] = p.image.encode_rois(x["rois"], x["first"])
    return found | {"scalar": terms[0] + terms[1] + terms[2]}


EVALUATE = {PyramidCLIP: evaluate_pyramidclip, UniCL: evaluate_unicl, CLIP: evaluate_clip, Texts: evaluate_texts}


def train_image(ops, p, x):
    feature = p.image(x["images"])
    l2 = unit(ops, feature)
    cotangent = x["cotangent_train"] if "cotangent_train" in x else x["cotangent_image"]
    return {"image_feature": feature, "image_feature_l2": l2, "scalar": ops.sum(l2 * cotangent, (0, 1))}


# ------------------------------------------------------------------ a file of them
@dataclass
class Case:
    name: str
    method: object
    weights: dict
    inputs: dict
    rows: list
    arrays: dict  # everything in the file

    def part(self, prefix):
        return {name[len(prefix) :]: array for name, array in self.arrays.items() if name.startswith(prefix)}

    def run(self, interpreter, training):
        function = train_image if training else EVALUATE[type(self.method)]
        shapes = {name: (array.shape, array.dtype) for name, array in self.inputs.items()}
        read = record(self.method, shapes, training, function).program.inputs
        if isinstance(self.method, UniCL):
            read = read.keys() - {"logit_scale"}  # an output of the file is made of it, the scalar is not
        by = [name for name, parameter in self.method.all_parameters() if parameter.trainable and name in read]
        return interpreter(self.method, self.weights, self.inputs, function, training, by)

    def released(self, prefix):
        """Released arrays under our names and in our layout."""
        rows = {row.theirs: row for row in self.rows}
        part = {n: a for n, a in self.part(prefix).items() if not n.endswith("num_batches_tracked")}
        return {rows[name].ours: rows[name].turned(array) for name, array in part.items()}

    def released_nodes(self):
        released = {self.node(name): array for name, array in self.part("node/").items() if name != "visual.avgpool"}
        if isinstance(self.method, UniCL):  # ours are maps where Swin's are lists of tokens
            released |= {
                n: a.reshape(len(a), isqrt(a.shape[1]), -1, a.shape[2]) for n, a in released.items() if "input" not in n
            }
        return released

    def node(self, name):
        if match := re.fullmatch(r"image_encoder\.layers\.(\d)(\.blocks\.(\d))?", name):
            return f"image.stages.{match[1]}.{match[3]}" if match[2] else f"image.merges.{match[1]}"
        if match := re.fullmatch(r"visual\.layer(\d)", name):
            stage = int(match[1]) - 1
            return f"image.stages.{stage}.{self.method.image.layers[stage] - 1}"
        if match := re.fullmatch(r"visual\.transformer\.resblocks(\d?)\.(\d+)(\.\w+)?", name):
            index = int(match[2]) + (self.method.image.leff_depth if match[1] == "2" else 0)
            return f"image.blocks.{index}" + {".attn": ".attention", ".mlp": ".feed_forward", None: ""}[match[3]]
        norms = {
            "visual.ln_pre": "input",
            "image_encoder.patch_embed": "input",
            "visual.ln_post": "output",
            "image_encoder.norm": "output",
        }
        return f"image.{norms[name]}_norm"


@pytest.fixture(scope="module")
def cases(shared):
    return {name: load(shared / "fixtures" / f"{name}.npz", name) for name in NAMES}


def load(path, name):
    with np.load(path) as file:
        arrays = dict(file)
    part = lambda prefix: {n[len(prefix) :]: a for n, a in arrays.items() if n.startswith(prefix)}
    own = method({key: value.tolist() for key, value in part("config/").items()})
    tables = {PyramidCLIP: pyramidclip.table, UniCL: unicl.table, CLIP: open_clip.table, Texts: texts_table}
    foreign, inputs = part("param/"), part("input/")
    rows = tables[type(own)](own, foreign)
    if "rois" in inputs:
        inputs["everything"] = np.ones(inputs["rois"].shape[:2], np.float32)
        inputs["first"] = inputs["everything"] * (np.arange(inputs["rois"].shape[1]) < FIRST).astype(np.float32)
    return Case(name, own, convert(foreign, rows, own), inputs, rows, arrays)


def texts_table(method, names):
    """DeCLIP's, without the row of its [MASK], which the file has not."""
    rows = [*declip.TEXT, Row("tokens", "token_embedding.weight"), *open_clip.blocks(method.text.layers)]
    return under("text", "", rows)


@pytest.fixture(scope="module")
def results(cases):
    """Each pass once: a compiled program costs seconds."""
    seen = {}

    def run(name, interpreter, training):
        key = (name, interpreter, training)
        if key not in seen:
            seen[key] = cases[name].run(INTERPRETERS[interpreter], training)
        return seen[key]

    return run


def check(found, judge, kind, tolerance):
    report = errors({name: found[name] for name in judge if name in found}, judge, kind)
    assert report and not (worse := {n: e for n, e in report.items() if not e <= tolerance}), worse


def runs(trainings=(False, True), names=NAMES, interpreters=tuple(INTERPRETERS)):
    """(name, interpreter, training) of the passes there are."""
    every = [(n, i, t) for n in names for i in interpreters for t in trainings]
    there = [run for run in every if run[0] in WITH_BATCH_NORM or not run[2]]
    there = [run for run in there if run[0] in EAGER or run[1] != "mindspore_eager"]
    named = lambda name, interpreter, training: f"{name}-{interpreter}-{'train' if training else 'eval'}"
    return [pytest.param(*run, id=named(*run)) for run in there]


@pytest.mark.parametrize("name, interpreter, training", runs([False]))
def test_evaluation(cases, results, name, interpreter, training):
    case, found = cases[name], results(name, interpreter, training)
    released = case.part("eval/")
    assert released.keys() == found.outputs.keys() and not found.updates
    check(found.outputs, released, "output", OUTPUTS)
    if not isinstance(case.method, Texts):  # of whose nodes the file has none
        check({path: seen[0] for path, seen in found.nodes.items()}, case.released_nodes(), "output", OUTPUTS)


@pytest.mark.parametrize("name, interpreter, training", runs([True]))
def test_training(cases, results, name, interpreter, training):
    case, found = cases[name], results(name, interpreter, training)
    released = {n: a for n, a in case.part("train/").items() if "/" not in n}
    assert released.keys() == found.outputs.keys()
    check(found.outputs, released, "output", OUTPUTS)
    check(found.updates, case.released("train/updated/"), "output", OUTPUTS)
    assert found.updates.keys() == {name for name, _ in case.method.all_buffers()}


@pytest.mark.parametrize("name, interpreter, training", runs(interpreters=[i for i in INTERPRETERS if i != "numpy64"]))
def test_gradients(cases, results, name, interpreter, training):
    case, found = cases[name], results(name, interpreter, training).gradients
    check(found, case.released(("train/" if training else "") + "grad/"), "gradient", GRADIENTS)
    judge = results(name, "torch64", training).gradients  # of every parameter, where the file has a few
    report = errors(found, judge, "gradient")
    assert not (worse := {n: e for n, e in report.items() if not e <= GRADIENTS}), worse


def test_which_gradients_are_zero_in_theory(results):
    """Biases before a BatchNorm in training, and the pool's key bias, which a softmax does not see."""
    leff = {f"image.blocks.{i}.feed_forward.{name}.bias" for i in range(9) for name in ("expand", "shrink")}
    assert zero_in_theory(results("pyramidclip_vit", "torch64", True).gradients) == leff
    assert zero_in_theory(results("pyramidclip_vit", "torch64", False).gradients) == set()
    assert zero_in_theory(results("openai_clip_rn", "torch64", True).gradients) == {"image.pool.key.bias"}
