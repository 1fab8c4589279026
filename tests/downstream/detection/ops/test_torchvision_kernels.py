"""A torchvision that cannot be imported counts as not installed; its kernels, where there are some, give the same."""

import sys

import pytest
import torch

from tandemclip.downstream.detection.ops.install import install_ops
from tandemclip.downstream.detection.ops.torchvision_kernels import cuda_kernels, hide_broken_torchvision

install_ops()
from mmcv.ops import nms, roi_align  # noqa: E402  the stand-in first


@pytest.fixture
def other_torchvision(tmp_path, monkeypatch):
    """A function that installs a torchvision with this code, in place of the one that is there."""

    def install(code):
        (tmp_path / "torchvision.py").write_text(code)
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.syspath_prepend(tmp_path)

    yield install
    sys.modules.pop("torchvision", None)


@pytest.mark.parametrize(
    "error", ["RuntimeError('operator torchvision::nms does not exist')", "OSError('no libcudart')", "ImportError('x')"]
)
def test_any_error_means_absent(other_torchvision, error):
    other_torchvision(f"raise {error}\n")
    with pytest.warns(UserWarning, match=error.partition("(")[0]):
        hide_broken_torchvision.__wrapped__()
    with pytest.raises(ModuleNotFoundError):  # what everybody expects of a package that is not installed
        import torchvision  # noqa: F401


def test_a_whole_one_stays(other_torchvision, recwarn):
    other_torchvision("__version__ = '9'\n")
    hide_broken_torchvision.__wrapped__()
    import torchvision

    assert torchvision.__version__ == "9" and not recwarn.list


def test_none_at_all_is_no_news(monkeypatch, recwarn):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    hide_broken_torchvision.__wrapped__()
    assert not recwarn.list


def test_what_is_slow_on_cuda_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.warns(UserWarning, match="slow: install the torchvision that belongs to torch"):
        assert cuda_kernels.__wrapped__() is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("ratio", [0, 2])
def test_cuda_gives_what_the_cpu_gives(ratio, aligned):
    draw = torch.Generator().manual_seed(0)
    maps, corners = torch.randn(2, 3, 20, 30, generator=draw), torch.rand(50, 2, generator=draw) * 100
    boxes = torch.cat([corners, corners + 3 + torch.rand(50, 2, generator=draw) * 40], dim=1)
    rois = torch.cat([torch.arange(50.0)[:, None] % 2, boxes], dim=1)
    results = []
    for device in ("cpu", "cuda"):
        features = maps.to(device).requires_grad_()
        output = roi_align(features, rois.to(device), 7, 0.25, ratio, "avg", aligned)
        output.square().sum().backward()
        kept = [nms(boxes.to(device), rois[:, 1].to(device), 0.5, offset)[1].cpu() for offset in (0, 1)]
        results.append([output.detach().cpu(), features.grad.cpu(), *kept])
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-5)
