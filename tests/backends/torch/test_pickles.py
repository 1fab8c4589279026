"""What torch.save wrote is read; a pickle that would run code is refused by name, and does nothing."""

import argparse
import collections
import io
import os
import pickle

import pytest
import torch

from tandemclip.backends.torch.pickles import load
from tandemclip.core.errors import UserError


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


class System(Touch):
    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def torch_file(content, **how):
    file = io.BytesIO()
    torch.save(content, file, **how)
    return file.getvalue()


WRITERS = {
    "torch": torch_file,
    "torch, as before 1.6": lambda content: torch_file(content, _use_new_zipfile_serialization=False),
    "pickle": pickle.dumps,
    "pickle, protocol 0": lambda content: pickle.dumps(content, protocol=0),
}


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("code", [Touch, System])
@pytest.mark.parametrize("writer", WRITERS)
def test_code_is_refused_and_not_run(tmp_path, writer, code):
    trace, path = tmp_path / "trace", tmp_path / "model.pth"
    path.write_bytes(WRITERS[writer]({"state_dict": {"weight": torch.ones(2)}, "more": code(trace)}))
    with pytest.raises(UserError, match="model.pth is refused, and nothing of it was run: .* code") as caught:
        load(path)
    assert "\n" not in str(caught.value) and not trace.exists()
    assert not writer.startswith("torch") or {Touch: "open", System: "system"}[code] in str(caught.value)

    pickle.loads(pickle.dumps(code(trace)))  # it would have
    assert trace.exists()


def test_tensors_and_plain_values_are_read(tmp_path):
    content = {
        "state_dict": collections.OrderedDict(weight=torch.arange(3.0), half=torch.ones(2, dtype=torch.bfloat16)),
        "meta": {"classes": ("one", "two"), "step": 3, "rate": 0.1, "none": None, 5: [True, b"bytes", {1, 2}]},
    }
    torch.save(content, tmp_path / "model.pth")
    loaded = load(tmp_path / "model.pth")
    assert loaded["meta"] == content["meta"]
    assert all(torch.equal(loaded["state_dict"][name], tensor) for name, tensor in content["state_dict"].items())


def test_a_command_line_beside_the_weights_is_read_and_no_code_in_it(tmp_path):
    """SLIP's released files hold the Namespace of their training."""
    trace, path = tmp_path / "trace", tmp_path / "model.pth"
    torch.save({"weight": torch.ones(2), "args": argparse.Namespace(model="SLIP", lr=3e-3)}, path)
    assert load(path)["args"].lr == 3e-3
    torch.save({"weight": torch.ones(2), "args": argparse.Namespace(model=Touch(trace))}, path)
    with pytest.raises(UserError, match="model.pth is refused, and nothing of it was run: it holds .*open"):
        load(path)
    assert not trace.exists()


@pytest.mark.parametrize("cut", [0, 1, 100, -20])
def test_a_torn_file_is_refused_by_name(tmp_path, cut):
    whole = torch_file({"weight": torch.ones(1000)})
    (tmp_path / "torn.pth").write_bytes(whole[:cut])
    with pytest.raises(UserError, match="torn.pth (is no whole file of torch.save|cannot be read|is refused.* torn)"):
        load(tmp_path / "torn.pth")


@pytest.mark.parametrize("content", [
    b"junk", b"<html>404</html>", b"version https://git-lfs.github.com/spec/v1\n", bytes(100),
    b"PK\x03\x04" + bytes(100),
])  # fmt: skip
def test_what_is_no_pickle_is_refused_by_name(tmp_path, content):
    (tmp_path / "it.pth").write_bytes(content)
    with pytest.raises(UserError, match="it.pth is (no whole file of torch.save|refused.* torn)"):
        load(tmp_path / "it.pth")


def test_a_damaged_file_of_the_old_format_is_refused_by_name(tmp_path):
    """One byte of the list of arrays' keys: the reader then asserts that they are those of the file."""
    kept = io.BytesIO()
    torch.save({"a": torch.ones(3)}, kept, _use_new_zipfile_serialization=False)
    content = bytearray(kept.getvalue())
    content[content.rindex(b"X", 0, content.rindex(b".")) + 5] ^= 1
    (tmp_path / "it.pth").write_bytes(content)
    with pytest.raises(UserError, match="it.pth is no whole file of torch.save .AssertionError"):
        load(tmp_path / "it.pth")


def test_what_is_no_checkpoint_is_refused_by_name(tmp_path):
    (tmp_path / "notes.txt").write_text("hello, this is text")
    with pytest.raises(UserError, match="notes.txt is no whole file of torch.save"):
        load(tmp_path / "notes.txt")
    for name in ("absent.pth", "."):
        with pytest.raises(UserError, match="cannot be read"):
            load(tmp_path / name)
