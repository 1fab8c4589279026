"""Checkpoints of a training by mmengine hold nothing that has to be unpickled."""

from collections import Counter, OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from tandemclip.core.errors import UserError
from tandemclip.downstream.detection.plain_checkpoints import plain
from tandemclip.tests.downstream.detection.toy import trained  # registers the bridge

TRAIN = dict(type="IterBasedTrainLoop", max_iters=3)


def test_a_checkpoint_is_read_by_torch_alone_and_resumed_from(tmp_path):
    trained(tmp_path / "run", TRAIN)
    path = tmp_path / "run" / "iter_3.pth"
    content = torch.load(path, weights_only=True)
    assert content["meta"]["dataset_meta"] == {"classes": ("one", "two"), "means": [1.5, 2.5], "count": 2}
    assert content["meta"]["iter"] == 3 and content["message_hub"]["runtime_info"]["iter"] == 2
    assert torch.serialization.get_unsafe_globals_in_checkpoint(path) == []

    after = trained(tmp_path / "more", TRAIN | dict(max_iters=4), resume=True, load_from=str(path))
    assert after.iter == 4
    assert after.optim_wrapper.state_dict()["param_groups"][0]["lr"] == pytest.approx(1e-4)  # twice a tenth of 0.01


def test_without_the_hook_it_is_not(tmp_path):
    """What the hook is for: were mmengine's own checkpoints plain, it could go."""
    trained(tmp_path / "run", TRAIN, hooks=())
    with pytest.raises(UserError, match="iter_3.pth is refused, and nothing of it was run: it holds numpy"):
        trained(tmp_path / "more", TRAIN, hooks=(), resume=True, load_from=str(tmp_path / "run" / "iter_3.pth"))


def test_what_is_plain_stays_as_it_is():
    tensor = torch.ones(2)
    value = {"a": [1, 2.5, True, None, "word", b"bytes", 1j], 5: (tensor, {1, 2}), "b": Counter("aab"), "c": torch.int8}
    made = plain(value, "state")
    assert made == value and made[5][0] is tensor
    assert type(made["b"]) is Counter and made is not value


def test_numpy_becomes_python():
    made = plain([np.float64(0.5), np.int64(3), np.bool_(True), np.str_("a"), np.arange(4).reshape(2, 2)], "state")
    assert made == [0.5, 3, True, "a", [[0, 1], [2, 3]]]
    assert [type(item) for item in made] == [float, int, bool, str, list]


def test_classes_of_others_become_the_plain_ones():
    class Settings(dict):
        pass

    class Pair(tuple):
        pass

    made = plain(Settings(a=Pair((1, 2))), "state")
    assert made == {"a": (1, 2)} and type(made) is dict and type(made["a"]) is tuple


def test_a_state_dict_keeps_the_versions_of_its_modules():
    state = torch.nn.BatchNorm2d(2).state_dict()
    made = plain(state, "state")
    assert type(made) is OrderedDict and made._metadata == state._metadata and made._metadata[""]["version"] == 2


@pytest.mark.parametrize("odd", [Path("a"), object(), print, np.array([object()])])
def test_what_only_a_pickle_could_hold_is_refused_by_its_name(odd):
    with pytest.raises(UserError, match=r"meta\.list\[1\].* in it is a "):
        plain({"list": [1, odd]}, "meta")
