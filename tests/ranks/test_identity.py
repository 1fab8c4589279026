"""Machines with different WordNets: no rank trains, whichever one notices."""

import pytest

from tandemclip.tests.core.data.views.small_wordnet import SENSES, write
from tandemclip.tests.core.training.test_identity import LIGHTCLIP
from tandemclip.tests.ranks.test_ranks import start, training

# Each rank finds the WordNet of its own machine.
PROGRAM = """
import os, sys
from tandemclip.tools import train

rank = os.environ.get("RANK") or os.environ["RANK_ID"]
os.environ["WNSEARCHDIR"] = f"wordnet{rank}"
sys.exit(train.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("backend", ["torch", pytest.param("mindspore", marks=pytest.mark.slow)])
def test_ranks_with_different_wordnets_do_not_begin(backend, root, tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    for rank in (0, 1):
        write(tmp_path / f"wordnet{rank}")
    overrides = (*LIGHTCLIP, "method.edit={}", "data.evaluate=null", "training.steps=2")

    def launch(out, *more):
        _, *arguments = training(root, tmp_path, out, *overrides)
        return start(backend, 2, tmp_path, "program.py", *arguments, "--backend", backend, *more)

    done = launch("run")
    assert done.returncode == 0, done.stdout + done.stderr
    write(tmp_path / "wordnet1", senses=SENSES | {"adv": [["quickly", "slowly"]]})
    done = launch("run", "--resume")
    assert done.returncode != 0 and "text.wordnet is another one here" in done.stdout + done.stderr
    done = launch("new")
    told = done.stdout + done.stderr
    assert done.returncode != 0 and "text.wordnet of rank 1 is another one than that of rank 0; rank " in told
    assert not (tmp_path / "new").exists()
