"""The evaluation that a run's configuration names: it gets the model as the run has it."""

from dataclasses import dataclass, replace

import pytest

from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.configured import evaluate_run, evaluation_of
from tandemclip.core.evaluation.protocols.fitting import Fitting
from tandemclip.core.training.checkpoint import Checkpoint
from tandemclip.core.training.config import read
from tandemclip.core.training.evaluation import Evaluation


@dataclass(frozen=True)
class Told(Evaluation):
    """Gives back what it was given."""

    def metrics(self, method):
        return ["model"]

    def measure(self, model):
        return {"model": model}


class Named(Scenes):
    listed_classes = ("zero", "one")


@pytest.fixture(scope="module")
def config(root):
    config, mapping = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")
    return config, mapping


def test_a_run_is_measured_with_its_own_engine_workers_and_classes(config):
    data = replace(config[0].data, train=Named(size=32, count=3), evaluate=Told(), workers=7)
    run, engine, tokenizer = replace(config[0], data=data), object(), object()
    model = evaluate_run(run, engine, tokenizer)["model"]
    assert model.engine is engine and model.tokenizer is tokenizer and model.method is run.method
    assert model.workers == 7 and model.class_names == ("zero", "one")


def saved(mapping):
    return Checkpoint({}, {}, {"config": mapping}, None)


def test_the_evaluation_of_a_checkpoint_is_that_of_its_configuration(config):
    found = evaluation_of(saved(config[1]))
    assert found == config[0].data.evaluate and isinstance(found, Fitting)


@pytest.mark.parametrize("mapping", [{}, {"data": {}}, {"data": {"evaluate": None}}])
def test_a_checkpoint_may_name_none(mapping):
    assert evaluation_of(saved(mapping)) is None


def test_a_class_from_elsewhere_is_imported_where_it_is_trusted(tmp_path, monkeypatch):
    (tmp_path / "my_evaluation.py").write_text(
        "from dataclasses import dataclass\n"
        "from tandemclip.core.training.evaluation import Evaluation\n\n\n"
        "@dataclass(frozen=True)\nclass Mine(Evaluation):\n    number: int = 0\n\n"
        "    def metrics(self, method):\n        return []\n\n    def measure(self, model):\n        return {}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    asked = saved({"data": {"evaluate": {"type": "my_evaluation:Mine", "number": 4}}})
    with pytest.raises(UserError, match="my_evaluation:Mine"):
        evaluation_of(asked)
    assert evaluation_of(asked, trust=True).number == 4


def test_a_bound_of_today_is_not_held_against_a_stored_configuration(config):
    stored = {"type": "scenes", "size": 32, "count": 0, "digits": 1}
    assert len(evaluation_of(saved({"data": {"evaluate": stored}})).source) == 0
