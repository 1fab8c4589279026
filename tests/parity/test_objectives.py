"""InfoNCE and PyramidCLIP's terms against plain double loops and complex-step derivatives (fixtures/objectives.npz)."""

from dataclasses import fields

import numpy as np
import pytest

from tandemclip.backends.reference.ops import Reference
from tandemclip.core.closeness import errors
from tandemclip.core.layers.roi import RoiInput
from tandemclip.core.methods.method import Features
from tandemclip.core.methods.pyramidclip import PairWeights, PyramidCLIP
from tandemclip.core.objectives.infonce import infonce
from tandemclip.core.objectives.targets import EqualLabels, Pairs, Softened
from tandemclip.core.spec import initial_weights
from tandemclip.core.towers.text import TextTransformer
from tandemclip.core.towers.vit import VisionTransformer
from tandemclip.tests.parity.interpreters import INTERPRETERS

TOLERANCE = {"numpy64": 1e-12, "torch64": 1e-12, "torch": 1e-5, "mindspore": 1e-5, "mindspore_eager": 1e-5}
LEVELS = {"G": "image_global", "L": "image_local", "R": "roi", "S": "summary", "T": "caption", "A": "objects"}
GROUPS = {"peer": ("GS", "LT"), "global_relation": ("GA", "RS"), "local_relation": ("LA", "RT")}
ALPHA = {"onehot": 0.0, "smoothed": 0.2}
TARGETS = {kind: Pairs(alpha) for kind, alpha in ALPHA.items()}
TARGETS |= {"importance": Softened(0.0, 0.2), "importance_scaled": Softened(0.0, 0.2, scaled=True)}
DIRECTIONS = {"i2t": ("i2t",), "t2i": ("t2i",), "total": ("i2t", "t2i")}


def pyramidclip(weights, alpha):
    image = VisionTransformer(4, 4, 4, 1, 1, 5, leff_depth=1, roi=RoiInput(2))
    return PyramidCLIP(image, TextTransformer(3, 2, 4, 1, 1, 5), weights=weights, alpha=alpha)


METHOD = pyramidclip(PairWeights(), ALPHA["smoothed"])


def infonce_cases(ops, p, x):
    """{name in the file: value}; inputs of its own for each, so that one gradient of their sum gives each one's."""
    found = {}
    for kind, targets in TARGETS.items():
        u, v, scale = (x[f"infonce/{kind}/{name}"] for name in ("image", "text", "scale"))
        for name, directions in DIRECTIONS.items():
            found[f"infonce/{kind}/{name}"] = infonce(ops, u, v, scale, targets=targets, directions=directions)
    return found


def unicl_cases(ops, p, x):
    """Each direction and both, at labels of one column."""
    found = {}
    for name, directions in DIRECTIONS.items():
        u, v, scale = (x[f"unicl/{name}/{part}"] for part in ("image", "text", "scale"))
        found[f"unicl/{name}"] = infonce(ops, u, v, scale, targets=EqualLabels(x["labels"]), directions=directions)
    return found


def pyramid_cases(ops, p, x):
    """The method's own loss and terms."""
    found = {}
    for samples in ("all", "masked"):
        for kind, alpha in ALPHA.items():
            own = f"pyramid/{samples}/{kind}"
            features = {level: x[f"{own}/{name}"] for level, name in LEVELS.items()}
            present = x["present"] if samples == "masked" else x["everybody"]
            features = Features(features | {"has_objects": present})
            scope = {"logit_scale": ops.log(x[f"{own}/scale"])}
            terms = pyramidclip(PairWeights(), alpha).loss(ops, scope, features, None)
            found |= {f"{own}/{pair}": terms[pair] for pairs in GROUPS.values() for pair in pairs}
            found[f"{own}/total"] = terms["loss"]
    return found


def everything(ops, p, x):
    found = infonce_cases(ops, p, x) | unicl_cases(ops, p, x) | pyramid_cases(ops, p, x)
    totals = [value for name, value in found.items() if name.endswith("total")]
    return found | {"scalar": sum(totals[1:], totals[0])}


@pytest.fixture(scope="module")
def file(shared):
    with np.load(shared / "fixtures" / "objectives.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def inputs(file):
    found = {
        f"infonce/{kind}/{name}": file[f"infonce/{name}"] for kind in TARGETS for name in ("image", "text", "scale")
    }
    for own in (f"pyramid/{samples}/{kind}" for samples in ("all", "masked") for kind in ALPHA):
        found |= {f"{own}/{name}": file[f"pyramid/{name}"] for name in (*LEVELS.values(), "scale")}
    for name in ("i2t", "t2i", "total"):
        found |= {f"unicl/{name}/{part}": file[f"unicl/{part}"] for part in ("image", "text", "scale")}
    found["labels"] = file["unicl/labels"].astype(np.int32)[:, None]
    present = file["pyramid/has_objects"].astype(np.float64)
    return found | {"present": present, "everybody": np.ones_like(present)}


@pytest.fixture(scope="module", params=INTERPRETERS)
def result(request, inputs):
    by = [name for name in inputs if name not in ("present", "everybody", "labels")]
    # float32 arrays for float32 engines, as training hands them over
    kept = (
        inputs
        if request.param.endswith("64")
        else {n: a.astype(np.float32) if a.dtype.kind == "f" else a for n, a in inputs.items()}
    )
    run = INTERPRETERS[request.param]
    return request.param, run(METHOD, initial_weights(METHOD, 0), kept, everything, False, by)


def worse(found, judge, kind, interpreter):
    report = errors({name: found[name] for name in judge if name in found}, judge, kind)
    return {name: e for name, e in report.items() if not e <= TOLERANCE[interpreter]}


def test_values_and_gradients(file, result):
    interpreter, found = result
    values = {name: file[name] for name in found.outputs if name != "scalar"}
    assert len(values) == 4 * 3 + 3 + 4 * 7 and not worse(found.outputs, values, "output", interpreter)
    if interpreter == "numpy64":  # gives no gradients
        return
    gradients = {}
    for name in found.gradients:
        own, _, of = name.rpartition("/")
        own = "unicl" if own == "unicl/total" else own
        if f"{own}/grad_{of}" in file:  # of the pyramid, the smoothed totals have them
            gradients[name] = file[f"{own}/grad_{of}"]
    assert len(gradients) == 5 * 3 + 2 * 7 and not worse(found.gradients, gradients, "gradient", interpreter)


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_is_the_loss_when_only_its_pairs_have_a_weight(file, inputs, group):
    ops, own = Reference(), "pyramid/masked/smoothed"
    method = pyramidclip(PairWeights(**{f.name: 0.5 * (f.name in GROUPS[group]) for f in fields(PairWeights)}), 0.2)
    features = {level: inputs[f"{own}/{name}"] for level, name in LEVELS.items()} | {"has_objects": inputs["present"]}
    terms = method.loss(ops, {"logit_scale": np.log(inputs[f"{own}/scale"])}, Features(features), None)
    assert terms["loss"] == pytest.approx(float(file[f"{own}/{group}"]), rel=1e-12)
    assert set(GROUPS[group]) == terms.keys() - {"loss", "logit_scale"}


def test_the_paper_s_weights(file):
    third = float(file["pyramid/lambda"])
    assert third == float(file["pyramid/mu"]) and float(file["pyramid/alpha"]) == METHOD.alpha
    assert METHOD.weights.used == pytest.approx({pair: third / 2 for pairs in GROUPS.values() for pair in pairs})
