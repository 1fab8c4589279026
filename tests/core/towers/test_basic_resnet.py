"""ResNets of basic blocks against torchvision's own, weights and all."""

import numpy as np
import pytest
import torch
from torchvision.models.resnet import BasicBlock
from torchvision.models.resnet import ResNet as Theirs

from tandemclip.core.config.build import build
from tandemclip.core.random import generator
from tandemclip.core.towers.basic_resnet import BasicResNet
from tandemclip.core.towers.tower import ImageTower
from tandemclip.tests.core.towers.trunks import agree, arrays, normalised, outputs, spread


def stages_of(tower) -> dict[str, str]:
    """{our name: torchvision's} of all blocks."""
    names = {}
    for path, block in tower.nodes.items():
        if path.startswith("stages."):
            _, stage, index = path.split(".")
            other = f"layer{int(stage) + 1}.{index}"
            parts = {"first": "1", "second": "2"}
            for own, number in parts.items():
                names[f"{path}.{own}.weight"] = f"{other}.conv{number}.weight"
                names |= normalised(f"{path}.{own}_norm", f"{other}.bn{number}")
            if "shortcut" in block.nodes:
                names[f"{path}.shortcut.weight"] = f"{other}.downsample.0.weight"
                names |= normalised(f"{path}.shortcut_norm", f"{other}.downsample.1")
    return names


class ClipStem(torch.nn.Module):
    """CLIP's first layers (openai/CLIP, clip/model.py) in front of torchvision's stages."""

    def __init__(self, trunk, width):
        super().__init__()
        convolution = lambda a, b, stride: torch.nn.Conv2d(a, b, 3, stride, 1, bias=False)
        for i, (a, b, stride) in enumerate(((3, width // 2, 2), (width // 2, width // 2, 1), (width // 2, width, 1))):
            self.add_module(f"stem{i}", convolution(a, b, stride))
            self.add_module(f"stem_norm{i}", torch.nn.BatchNorm2d(b))
        for i in range(1, 5):
            self.add_module(f"layer{i}", trunk.get_submodule(f"layer{i}"))

    def forward(self, x):
        for i in range(3):
            x = torch.relu(self.get_submodule(f"stem_norm{i}")(self.get_submodule(f"stem{i}")(x)))
        x = torch.nn.functional.avg_pool2d(x, 2)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


@pytest.mark.parametrize("stem", ["torchvision", "clip"])
@pytest.mark.parametrize("training, resolution", [(False, 32), (True, 64)])
def test_the_maps_of_all_stages_are_torchvisions(stem, training, resolution):
    ours = BasicResNet(resolution, (1, 2, 1, 1), 6, 8, stem=stem)
    theirs = Theirs(BasicBlock, list(ours.layers))
    names = {"first.weight": "conv1.weight", **normalised("first_norm", "bn1")}
    if stem == "clip":
        theirs = ClipStem(theirs, ours.width)
        names = {f"stem.{i}.weight": f"stem{i}.weight" for i in range(3)}
        for i in range(3):
            names |= normalised(f"stem_norm.{i}", f"stem_norm{i}")
    theirs = theirs.double().train(training)
    spread(theirs)
    theirs.before = arrays(theirs)
    images = generator("basic resnet").standard_normal((3, 3, resolution, resolution))
    with outputs([theirs.get_submodule(f"layer{i}") for i in (1, 2, 3, 4)]) as wanted:
        theirs(torch.from_numpy(images))
    agree(ours, names | stages_of(ours), theirs, wanted, images, training)


def test_shapes_of_resnet18_are_torchvisions():
    ours = build(ImageTower, {"type": "LightCLIP-ResNet18", "stem": "torchvision"})
    with torch.device("meta"):
        theirs = {name: tuple(x.shape) for name, x in Theirs(BasicBlock, [2, 2, 2, 2]).state_dict().items()}
    theirs = {name: shape for name, shape in theirs.items() if not name.startswith("fc.") and "num_batches" not in name}
    names = {"first.weight": "conv1.weight", **normalised("first_norm", "bn1"), **stages_of(ours)}
    declared = {name: item.shape for name, item in ours.declared().items() if not name.startswith("pool.")}
    assert {own: theirs.pop(other) for own, other in names.items()} == declared and not theirs
    assert sum(int(np.prod(p.shape)) for n, p in ours.all_parameters() if not n.startswith("pool.")) == 11_176_512
