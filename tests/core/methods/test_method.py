"""What every method has of `Method` and `TwoTowers`."""

from dataclasses import replace

import numpy as np
import pytest

from tandemclip.backends.reference.ops import Reference
from tandemclip.core.errors import UserError
from tandemclip.core.methods.clip import CLIP
from tandemclip.core.methods.declip import DeCLIP
from tandemclip.core.methods.defilip import DeFILIP
from tandemclip.core.methods.filip import FILIP
from tandemclip.core.methods.lightclip import LightCLIP
from tandemclip.core.methods.pyramidclip import PyramidCLIP
from tandemclip.core.methods.slip import SLIP
from tandemclip.core.random import generator
from tandemclip.core.spec import Run, Scope, initial_weights
from tandemclip.core.training.config import read


@pytest.fixture(scope="module")
def tiny(root):
    return lambda name: read(root / "configs" / "pretrain" / f"tiny_{name}.yaml")[0].method


@pytest.mark.parametrize("name, both", [("clip_vit", True), ("unicl_swin", True), ("filip_vit", False)])
def test_one_pass_gives_both_readings_of_a_picture_unless_a_method_has_its_own(tiny, name, both):
    assert tiny(name).one_pass is both


def test_readings_are_both_side_by_side(tiny):
    method = tiny("clip_vit")
    scope = Scope(method, Run(Reference(), {n: w.astype(float) for n, w in initial_weights(method, 0).items()}, False))
    side = method.image.resolution
    pictures = generator("readings").standard_normal((3, 3, side, side))
    both = np.concatenate([scope.encode_image(pictures), scope.encode_features(pictures)], 1)
    assert np.allclose(scope.encode_readings(pictures), both, rtol=0, atol=1e-12)


@pytest.mark.parametrize("temperature, within", [(0.02, True), (0.05, True), (0.019, False), (0.051, False)])
def test_a_scale_starts_within_its_bounds(tiny, temperature, within):
    begin = lambda: replace(tiny("slip_vit"), temperature=temperature, scale_bounds=(20.0, 50.0))
    if within:
        assert np.exp(initial_weights(begin(), 0)["logit_scale"]) == pytest.approx(1 / temperature, rel=1e-6)
    else:
        with pytest.raises(UserError, match="give a temperature from 0.02 to 0.05"):
            begin()


def test_both_towers_embed_into_one_space(tiny):
    method = tiny("clip_vit")
    into = lambda image, text: replace(
        method, image=replace(method.image, embed_dim=image), text=replace(method.text, embed_dim=text)
    )
    assert into(int("512"), int("512")).image.embed_dim == 512  # Python keeps one of each small number only
    with pytest.raises(UserError, match="into 512 dimensions and the text tower into 511; give both the same"):
        into(512, 511)


@pytest.mark.parametrize("method", [CLIP, PyramidCLIP, LightCLIP, SLIP, FILIP, DeCLIP, DeFILIP])
def test_what_similarities_are_divided_by_at_first(method):
    """CLIP, section 2.5: 0.07, which the others keep."""
    assert method.__dataclass_fields__["temperature"].default == 0.07
