"""torchvision's ResNets under our names: features and answers on both engines, and where fine-tuning begins."""

import numpy as np
import pytest
import torch
from torchvision.models import resnet18, resnet50
from torchvision.models.resnet import Bottleneck, ResNet

from tandemclip import backends
from tandemclip.core.closeness import error
from tandemclip.core.config.build import build
from tandemclip.core.data.views.image import CentreView
from tandemclip.core.methods.method import Method
from tandemclip.core.random import generator
from tandemclip.core.training import checkpoint
from tandemclip.core.training.update import AdamW
from tandemclip.tools import convert, train


def with_statistics(model):
    """The model as training would leave it: norms and their statistics are no ones and zeros."""
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.ndim == 1 and "fc" not in name:
                tensor.add_(torch.rand_like(tensor) * 0.3)
    return model.eval()


def converted(model, folder):
    """-> the checkpoint's folder"""
    torch.save(model.state_dict(), folder / "theirs.pth")
    assert convert.main(["--from", "torchvision", str(folder / "theirs.pth"), str(folder / "run")]) == 0
    return checkpoint.resolve(folder / "run")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(resnet50 with random weights, the checkpoint made of it)"""
    torch.manual_seed(0)
    model = with_statistics(resnet50(weights=None))
    return model, checkpoint.load(converted(model, tmp_path_factory.mktemp("resnet50")))


@pytest.mark.parametrize("backend, modes", [("torch", {}), ("mindspore", {"eager": True})])
def test_features_and_answers_are_torchvisions(whole, backend, modes):
    theirs, saved = whole
    method = build(Method, saved.state["config"]["method"])
    engine = backends.load(backend)(method, saved.model, AdamW(), **modes)
    images = generator("photos").standard_normal((2, 3, 224, 224)).astype(np.float32)
    seen = []
    with torch.no_grad(), theirs.avgpool.register_forward_hook(lambda module, given, output: seen.append(output)):
        answers = theirs(torch.from_numpy(images)).numpy()
    assert error(engine.apply("encode_features", images), seen[0].flatten(1).numpy()) < 1e-5
    assert error(engine.apply("classify", images), answers) < 1e-5


def test_pictures_are_cut_as_torchvision_published_its_weights(whole):
    view = build(Method, whole[1].state["config"]["method"]).inference_view()
    wanted = CentreView(224, "antialiased", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 0.875)
    assert view == wanted and whole[1].state["tokenizer"] is None


def test_fine_tuning_takes_all_but_the_classifier(root, tmp_path, capsys):
    theirs = with_statistics(ResNet(Bottleneck, [1, 1, 1, 1], num_classes=7))
    start = converted(theirs, tmp_path)
    tower = ["method.image.layers=[1, 1, 1, 1]", "method.image.width=64", "method.image.stem=photos"]
    crop = ["method.crop={mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]}", "training.groups=[]"]
    config, tuned = root / "configs" / "finetune" / "tiny_scenes.yaml", tmp_path / "tuned"
    given = ["--config", config, "--out", tuned, "--init", start, "--max-steps", 1, "--set", *tower, *crop]
    assert train.main([*map(str, given), "training.batch_size=4", "training.learning_rate=1e-9"]) == 0
    account = checkpoint.load(checkpoint.latest(tuned)).state["init"]
    assert account["start"] == ["bias", "image.projection.weight"] == account["behind"]
    found = checkpoint.load(checkpoint.latest(tuned)).model["image.stages.3.0.spatial.weight"]
    assert np.abs(found - theirs.state_dict()["layer4.0.conv2.weight"].numpy()).max() < 1e-7
    assert "left behind in it: 2 (bias, image.projection.weight)" in capsys.readouterr().out


@pytest.mark.parametrize(
    "saved, more, words",
    [
        (lambda: resnet18(weights=None).state_dict(), [], ["layer1.0.conv3.weight", "resnet50", "resnet18"]),
        (lambda: {"conv1.weight": torch.zeros(64, 3, 7, 7)}, [], ["1 arrays without bn1.weight", "fc.bias"]),
        (lambda: resnet18(weights=None).state_dict(), ["--activation", "gelu"], ["--activation", "leave it out"]),
        (lambda: resnet18(weights=None), [], ["refused", "nothing of it was run"]),
    ],
)
def test_what_is_none_is_refused_in_one_line(tmp_path, capsys, saved, more, words):
    torch.save(saved(), tmp_path / "theirs.pth")
    assert convert.main(["--from", "torchvision", str(tmp_path / "theirs.pth"), str(tmp_path / "run"), *more]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and not [word for word in words if word not in told], told
    assert not (tmp_path / "run").exists()
