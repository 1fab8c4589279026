"""Methods from a folder of one's own: the engines agree on them in every phase, and a run that stopped goes on to the
bit. So does LightCLIP's, the one of ours with a choice, phases and masked words.
"""

import sys

import pytest
import safetensors.numpy

from tandemclip.backends.parity import compare, compare_training
from tandemclip.core.spec import initial_weights
from tandemclip.core.training import checkpoint, journal
from tandemclip.core.training.config import read
from tandemclip.tests.ranks.configurations import OWN, write
from tandemclip.tools import parity, train


@pytest.fixture(scope="module")
def files(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("methods")
    found = write(root, folder, [*OWN, "lightclip"])
    sys.path.insert(0, str(folder))
    yield found
    sys.path.remove(str(folder))
    sys.modules.pop("my_methods", None)


@pytest.mark.parametrize("name", OWN)
def test_engines_agree_in_every_phase(files, name):
    config, _ = read(files[name])
    start = parity.subject(config, initial_weights(config.method, config.training.seed), 4)
    judge, engines = parity.engines(start)
    del engines[parity.EAGER]
    phases = start.phases()
    assert len(phases) == (2 if name == "TwoPhases" else 1)
    rows = [row for at in phases.values() for row in compare(at, judge, engines) + compare_training(at, judge, engines)]
    assert not [row for row in rows if not row.agrees]
    assert ("choice" in {row.level for row in rows}) == (name == "Matching")


def test_pynative_agrees_where_the_host_has_chosen(files):
    config, _ = read(files["Matching"])
    start = parity.subject(config, initial_weights(config.method, 0), 1)
    judge, engines = parity.engines(start)
    rows = compare(start, judge, {parity.EAGER: engines[parity.EAGER]})
    assert not [row for row in rows if not row.agrees]


@pytest.mark.parametrize("name", [*OWN, "lightclip"])
def test_a_run_goes_on_to_the_bit(files, tmp_path, name):
    def run(out, *more):
        assert train.main(["--config", str(files[name]), "--out", str(tmp_path / out), "--set", *SETTINGS, *more]) == 0
        folder = checkpoint.latest(tmp_path / out)
        return {f: safetensors.numpy.load_file(folder / f) for f in ("model.safetensors", "optimizer.safetensors")}

    whole = run("whole")
    run("parts", "--max-steps", "3")
    parts = run("parts", "--resume")
    for file, arrays in whole.items():
        assert all((arrays[n] == parts[file][n]).all() for n in arrays), file
    losses = [[row["loss"] for row in journal.read(tmp_path / out)] for out in ("whole", "parts")]
    assert losses[0] == losses[1] and len(losses[0]) == 6


SETTINGS = ("training.steps=6", "training.accumulate=2", "training.warmup=0", "data.evaluate=null")
