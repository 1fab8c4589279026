"""MobileNet-V2 against torchvision's own, weights and all."""

import numpy as np
import pytest
import torch
from torchvision.models.mobilenetv2 import MobileNetV2 as Theirs

from tandemclip.core.config.build import build
from tandemclip.core.random import generator
from tandemclip.core.towers.mobilenet import MobileNetV2
from tandemclip.core.towers.tower import ImageTower
from tandemclip.tests.core.towers.trunks import agree, arrays, normalised, outputs, spread


def names_of(tower) -> dict[str, str]:
    """{our name: torchvision's} of all but the pool."""
    names = {"first.weight": "features.0.0.weight", **normalised("first_norm", "features.0.1")}
    blocks = [path for path in tower.nodes if path.startswith("stages.")]
    for i, path in enumerate(blocks, 1):
        parts = [part for part in ("expand", "spatial", "reduce") if part in tower.nodes[path].nodes]
        for place, part in enumerate(parts):
            other = f"features.{i}.conv.{place}"
            last = part == "reduce"
            names[f"{path}.{part}.weight"] = f"{other}.weight" if last else f"{other}.0.weight"
            norm = f"features.{i}.conv.{place + 1}" if last else f"{other}.1"
            names |= normalised(f"{path}.{part}_norm", norm)
    return names


def table(tower):
    """torchvision's setting: expansion, width, blocks, stride of each row."""
    expansions = (1, *(tower.expansion,) * 6)
    return [list(row) for row in zip(expansions, tower.widths, tower.blocks, (1, 2, 2, 2, 1, 2, 1))]


SMALL = {"widths": (8, 8, 16, 16, 16, 24, 24), "blocks": (2, 1, 2, 1, 2, 1, 1), "expansion": 2}


@pytest.mark.parametrize("training, resolution, fields", [(False, 64, {}), (True, 64, SMALL), (False, 96, SMALL)])
def test_the_maps_of_all_stages_are_torchvisions(training, resolution, fields):
    ours = MobileNetV2(resolution, 6, 8, **fields)
    theirs = Theirs(inverted_residual_setting=table(ours)).double().train(training)
    theirs.features[-1] = torch.nn.Identity()  # the last 1 x 1 convolution
    spread(theirs)
    theirs.before = arrays(theirs)
    images = generator("mobilenet").standard_normal((3, 3, resolution, resolution))
    ends = np.cumsum(ours.blocks)[[1, 2, 4, 6]]  # their blocks are numbered from 1, behind the first convolution
    with outputs([theirs.features[int(end)] for end in ends]) as wanted:
        theirs.features(torch.from_numpy(images) * 4)
    agree(ours, names_of(ours), theirs, wanted, images * 4, training)


def test_names_shapes_and_number_of_parameters():
    ours = build(ImageTower, "LightCLIP-MobileNet-V2")
    with torch.device("meta"):
        theirs = {name: tuple(x.shape) for name, x in Theirs().state_dict().items()}
    left_out = ("classifier.", "features.18.")
    theirs = {n: s for n, s in theirs.items() if not n.startswith(left_out) and "num_batches" not in n}
    declared = {name: item.shape for name, item in ours.declared().items() if not name.startswith("pool.")}
    assert {own: theirs.pop(other) for own, other in names_of(ours).items()} == declared and not theirs
    assert sum(int(np.prod(p.shape)) for n, p in ours.all_parameters() if not n.startswith("pool.")) == 1_811_712
