"""What the trainer knows of evaluation: it is handed in, and measures what the configuration asks."""

import subprocess
import sys

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core.config.yaml_text import Whole
from tandemclip.core.errors import UserError
from tandemclip.core.hits import Hits
from tandemclip.core.training import journal, start
from tandemclip.core.training.config import read


def make_engine(config, weights):
    return backends.load("torch")(config.method, weights, config.training.update)


@pytest.fixture
def configured(root):
    def configured(**data):
        training = {"steps": 4, "evaluate_every": 2, "warmup": 0}
        return read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml", {"training": training, "data": data})

    return configured


def test_the_trainer_imports_no_evaluation_and_no_model():
    code = (
        "import sys, tandemclip.core.training.start; print([n for n in sys.modules if n.startswith(('tandemclip.core."
    )
    code += "evaluation', 'tandemclip.core.serving'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_what_is_handed_in_measures_during_and_after_training(configured, tmp_path):
    (config, mapping), asked = configured(), []

    def evaluate(config, engine, tokenizer):
        asked.append((config.data.evaluate, engine.weights()["logit_scale"], tokenizer.vocab_size))
        return {"share": Hits(np.array([len(asked), 0]), np.array([4, 0]))}

    trainer = start.begin(tmp_path, config, mapping, make_engine, evaluate=evaluate)
    assert trainer.train()["share"].share == 2 / 4
    assert [row.get("evaluation") for row in journal.read(tmp_path)] == [None, {"share": 25.0}, None, None]
    assert [evaluation for evaluation, _, _ in asked] == [config.data.evaluate] * 2 and asked[0][1] != asked[1][1]
    resumed = start.resume(tmp_path, mapping, {}, make_engine, print, evaluate)
    assert resumed.train()["share"].share == 3 / 4


def test_nothing_is_measured_where_nothing_asks_or_measures(configured, tmp_path):
    config, mapping = configured()
    assert start.begin(tmp_path / "a", config, mapping, make_engine).train() == {}
    config, mapping = configured(evaluate=None)
    assert start.begin(tmp_path / "b", config, mapping, make_engine, evaluate=lambda *_: 1 / 0).train() == {}


def test_what_could_not_be_measured_is_told_before_the_first_step(configured, tmp_path):
    several = {"type": "together", "sources": [{"type": "scenes"}, {"type": "scenes"}]}
    config, mapping = configured(evaluate=Whole(several))
    with pytest.raises(UserError, match="several sources with classes together"):
        start.begin(tmp_path, config, mapping, make_engine)
