"""Finding an engine by name, and the one that is there."""

import re

import pytest

from tandemclip import backends
from tandemclip.backends.mindspore import devices as mindspore_devices
from tandemclip.backends.torch import devices as torch_devices
from tandemclip.core.console.versions import how_to_install
from tandemclip.core.errors import UserError
from tandemclip.tests.one_engine import run_without


def test_engines_that_train_are_found_by_their_folder():
    assert backends.names() == ["mindspore", "torch"]
    assert backends.load("torch").name == "torch"


def test_an_unknown_name_is_answered_with_those_there_are():
    with pytest.raises(UserError, match="'tensorflow'.*mindspore, torch.*--backend"):
        backends.load("tensorflow")


# ------------------------------------------------------------------ the one that is installed
@pytest.mark.parametrize(
    "hidden, found", [([], "torch"), (["mindspore"], "torch"), (["torch"], "mindspore"), (["torch", "mindspore"], None)]
)
def test_the_default_is_found_without_importing_it(hidden, found):
    code = "from tandemclip import backends; print(backends.default(), {'torch', 'mindspore'} & set(sys.modules))"
    assert run_without(hidden, code).stdout == f"{found} set()\n"


def test_no_engine_names_what_to_install():
    with pytest.raises(UserError, match="no engine is installed") as error:
        backends.load(None)
    assert str(error.value).endswith(f"{how_to_install('torch')} or {how_to_install('mindspore')}")


def test_what_to_install_are_the_packages_own_names():
    assert how_to_install("torch").startswith("pip install ") and "torch" in how_to_install("torch")
    needed = how_to_install("detection")
    assert all(name in needed for name in ("torch", "mmengine", "mmcv-lite", "mmdet", "setuptools"))
    assert "tandemclip" not in needed and "extra" not in needed


def test_those_that_are_not_there_are_told():
    code = "from tandemclip import backends; print([*backends.load_all(lambda line: print('said:', line))])"
    shown = run_without(["mindspore"], code).stdout
    assert shown.endswith("['torch']\n") and shown.startswith(
        "said: mindspore is left out: backend mindspore needs the"
    )
    assert run_without(["torch"], code).stdout.endswith("['mindspore']\n")


# ------------------------------------------------------------------ its device
@pytest.fixture
def as_before():
    yield
    torch_devices.use(None)


def test_a_device_that_is_there_is_used_and_named(as_before):
    engine = backends.load("torch", "cpu")
    assert re.fullmatch(r"torch \S+ on cpu, \d+ threads", backends.about("torch"))
    assert torch_devices.device() == "cpu" and engine is backends.load("torch")
    backends.load("mindspore", "cpu")
    assert re.match(r"mindspore \S+ on CPU \d+; its own warnings are dropped", backends.about("mindspore"))


@pytest.mark.parametrize("name", ["torch", "mindspore"])
def test_a_cpu_has_no_memory_of_its_own(name, as_before):
    backends.load(name, "cpu")
    assert backends.peak_memory(name) is None
    assert backends.peak_memory("elsewhere:Engine") is None


@pytest.mark.parametrize("devices", [torch_devices, mindspore_devices], ids=["torch", "mindspore"])
@pytest.mark.parametrize("name", ["cuda:99", "cpu:7", "npu:99", "gpux", "cuda:x", "", "meta"])
def test_a_device_that_is_not_there_is_one_sentence(devices, name, as_before):
    with pytest.raises(
        UserError, match=f"^--device {re.escape(name)} is not there; (torch|MindSpore) finds .*(cpu|CPU)"
    ):
        devices.use(name)


def test_ranks_have_a_device_each(monkeypatch, as_before):
    """As on a machine with four GPUs, where one cannot be used here."""
    monkeypatch.setattr(torch_devices, "_is_there", lambda asked: True)
    monkeypatch.setenv("LOCAL_RANK", "2")
    torch_devices.use("cuda")
    assert torch_devices.device() == "cuda:2"
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(UserError, match="cuda:1 is one device and there are 4 ranks; give cuda"):
        torch_devices.use("cuda:1")
    monkeypatch.setenv("WORLD_SIZE", "1")
    torch_devices.use("cuda:1")
    assert torch_devices.device() == "cuda:1"
    torch_devices.use("cpu")
    assert torch_devices.device() == "cpu"


def test_an_engine_from_elsewhere_takes_no_device():
    with pytest.raises(UserError, match="--device cpu is for the engines mindspore, torch"):
        backends.load("tandemclip.backends.torch.engine:Engine", "cpu")
    assert backends.about("my.engine:Engine") == "my.engine:Engine"
