"""A torchvision that cannot be imported counts as not installed."""

import sys

import pytest

from tandemclip.downstream.detection.ops.torchvision_kernels import hide_broken_torchvision


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
