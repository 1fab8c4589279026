"""Every way in which mmengine reads a checkpoint refuses a pickle that would run code."""

import http.server
import threading
from functools import partial

import pytest
import torch
from mmengine.model import BaseModule
from mmengine.runner import load_checkpoint

from tandemclip.core.errors import UserError
from tandemclip.tests.downstream.detection.toy import trained  # registers the bridge

TRAIN = dict(type="IterBasedTrainLoop", max_iters=1)


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.fixture
def evil(tmp_path):
    """A checkpoint that would write the file `trace` when it is unpickled."""
    torch.save({"state_dict": {"weight": torch.ones(1)}, "meta": Touch(tmp_path / "trace")}, tmp_path / "evil.pth")
    yield tmp_path / "evil.pth"
    assert not (tmp_path / "trace").exists()


@pytest.fixture
def served(tmp_path, monkeypatch):
    """The address of tmp_path, on this machine."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch_home"))
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    handler.func.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_resume_and_load_from(tmp_path, evil):
    for how in (dict(resume=True), dict(resume=False)):
        with pytest.raises(UserError, match="evil.pth is refused, and nothing of it was run: it holds .*open"):
            trained(tmp_path / "run", TRAIN, load_from=str(evil), **how)


def test_pretrained_weights(evil):
    class Net(BaseModule):
        def __init__(self, **how):
            super().__init__(**how)
            self.weight = torch.nn.Parameter(torch.zeros(1))

    with pytest.raises(UserError, match="evil.pth is refused"):
        Net(init_cfg=dict(type="Pretrained", checkpoint=str(evil))).init_weights()

    good = evil.with_name("good.pth")
    torch.save({"state_dict": {"weight": torch.ones(1)}}, good)
    net = Net(init_cfg=dict(type="Pretrained", checkpoint=str(good)))
    net.init_weights()
    assert net.weight.item() == 1


def test_an_address(evil, served):
    net = torch.nn.Linear(1, 1, bias=False)
    with pytest.raises(UserError, match="evil.pth is refused"):
        load_checkpoint(net, f"{served}/evil.pth")

    torch.save({"state_dict": {"weight": torch.full((1, 1), 7.0)}}, evil.with_name("good.pth"))
    load_checkpoint(net, f"{served}/good.pth")
    assert net.weight.item() == 7


def test_a_file_that_is_not_there():
    with pytest.raises(UserError, match="absent.pth cannot be read"):
        load_checkpoint(torch.nn.Linear(1, 1), "absent.pth")


def test_a_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    torch.save({"state_dict": {"weight": torch.ones(1, 1)}}, tmp_path / "good.pth")
    load_checkpoint(torch.nn.Linear(1, 1, bias=False), "~/good.pth")
