"""Every spec of a model is a module: what other libraries hang on it fires, and it can be called by itself."""

import torch

from tandemclip.backends.torch.module import Model
from tandemclip.core.layers.norm import BatchNorm
from tandemclip.core.random import generator
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read


def model_of(root, name="tiny_clip_vit"):
    method = read(root / "configs" / "pretrain" / f"{name}.yaml")[0].method
    return Model(method, initial_weights(method, 0))


def images(rows=2):
    return torch.as_tensor(generator("hooks").standard_normal((rows, 3, 32, 32)), dtype=torch.float32)


def test_forward_hooks_of_nested_modules_fire_with_what_they_gave(root):
    model, seen = model_of(root), {}
    for name in ("image", "image.blocks.1", "image.blocks.1.attention.qkv"):
        hook = lambda module, given, output, name=name: seen.setdefault(name, []).append(
            (tuple(given[0].shape), tuple(output.shape))
        )
        model.get_submodule(name).register_forward_hook(hook)
    model.eval().call("encode_image", images())
    assert seen == {
        "image": [((2, 3, 32, 32), (2, 24))],
        "image.blocks.1": [((2, 17, 32), (2, 17, 32))],
        "image.blocks.1.attention.qkv": [((2, 17, 32), (2, 17, 96))],
    }


def test_a_hook_that_returns_something_replaces_the_output(root):
    model = model_of(root).eval()
    before = model.call("encode_image", images())
    model.get_submodule("image.projection").register_forward_hook(lambda module, given, output: output.flip(1))
    torch.testing.assert_close(model.call("encode_image", images()), before.flip(1))


def test_backward_hooks_see_the_gradient_of_a_node(root):
    model, seen = model_of(root).eval(), []
    model.get_submodule("image.blocks.0").register_full_backward_hook(lambda m, given, got: seen.append(got[0]))
    model.call("encode_image", images()).square().sum().backward()
    assert len(seen) == 1 and seen[0].shape == (2, 17, 32)


def test_a_module_called_by_itself_runs_its_spec(root):
    model = model_of(root).eval()
    block, seen = model.get_submodule("image.blocks.1"), []
    block.register_forward_hook(lambda module, given, output: seen.append((given[0], output)))
    model.call("encode_image", images())
    ((given, output),) = seen
    assert torch.equal(block(given), output) and len(seen) == 2
    try:
        model.get_submodule("image.blocks")(given)
    except TypeError as error:
        assert "no node that can run" in str(error)
    else:
        raise AssertionError("a part of names ran")


def test_a_nested_module_in_training_stores_its_statistics(root):
    model = model_of(root, "tiny_clip_rn")
    norm = model.get_submodule("image.stem_norm.0")
    assert isinstance(model._spec_at("image.stem_norm.0"), BatchNorm)
    x = torch.as_tensor(generator("x").standard_normal((4, norm.weight.shape[0], 2, 2)), dtype=torch.float32)
    model.train()
    norm(x)
    torch.testing.assert_close(norm.mean, 0.1 * x.mean((0, 2, 3)))
