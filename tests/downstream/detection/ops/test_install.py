"""The stand-in is there, wins over nothing, and says what it lacks."""

import importlib
import importlib.util
import subprocess
import sys

import pytest

from tandemclip.core.errors import UserError
from tandemclip.downstream.detection.ops.install import NAME, PROVIDED, install_ops

install_ops()
from mmcv import ops  # noqa: E402  the stand-in first


def test_an_op_that_is_not_provided_says_which_and_what_to_install():
    import torch

    layer = ops.DeformConv2d(2, 2, 3, padding=1)
    with pytest.raises(UserError, match=r"deform_conv_forward.*nms, roi_align_forward.*install mmcv==2.1.0"):
        layer(torch.zeros(1, 2, 8, 8), torch.zeros(1, 18, 8, 8))


def test_the_stand_in_is_found_as_any_module_is():
    assert importlib.util.find_spec(NAME).name == NAME
    assert {getattr(sys.modules[NAME], function.__name__) for function in PROVIDED} == set(PROVIDED)
    with pytest.raises(AttributeError):
        sys.modules[NAME].__path__  # noqa: B018  tools ask every module for such names


def test_it_is_put_there_once():
    before = sys.modules[NAME]
    install_ops()
    assert sys.modules[NAME] is before


def test_a_compiled_mmcv_wins(tmp_path, monkeypatch):
    """mmcv's folder gets a module `_ext`, which is found and therefore used."""
    import mmcv

    (tmp_path / "_ext.py").write_text("compiled = True\n")
    monkeypatch.delitem(sys.modules, NAME)
    monkeypatch.setattr(mmcv, "__path__", [*mmcv.__path__, str(tmp_path)])
    install_ops()
    assert NAME not in sys.modules
    assert importlib.import_module(NAME).compiled


def test_without_mmcv_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, NAME)
    monkeypatch.setitem(sys.modules, "mmcv", None)
    with pytest.raises(UserError, match="needs the package mmcv, .*pip install .*mmcv-lite==2.1.0"):
        install_ops()


def test_no_part_of_the_package_itself_loads_the_bridge():
    program = (
        "import sys, tandemclip, tandemclip.backends, tandemclip.downstream.detection\n"
        "print({'mmcv', 'mmengine', 'mmdet', 'torch'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "set()"
