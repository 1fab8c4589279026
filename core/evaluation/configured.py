"""The evaluation that a run's configuration names: during training, and of its checkpoints."""

from tandemclip.core.config.build import build
from tandemclip.core.data.tokenizers.tokenizer import Tokenizer
from tandemclip.core.serving.model import Model
from tandemclip.core.statistic import Statistic
from tandemclip.core.training.checkpoint import Checkpoint
from tandemclip.core.training.config import Config
from tandemclip.core.training.engine import Engine
from tandemclip.core.training.evaluation import Evaluation


def evaluate_run(config: Config, engine: Engine, tokenizer: Tokenizer | None) -> dict[str, Statistic]:
    """What `data.evaluate`, which must be there, measures of a run as its engine stands."""
    names = config.data.train.listed_classes
    model = Model(engine, config.method, tokenizer, workers=config.data.workers, class_names=names)
    return config.data.evaluate.measure(model)


def evaluation_of(saved: Checkpoint, trust: bool = False) -> Evaluation | None:
    """The evaluation of a checkpoint's configuration, if it names one. trust: as for `model_of`."""
    mapping = saved.state["config"].get("data", {}).get("evaluate")
    return build(Evaluation, mapping, "data.evaluate", trust, stored=True) if mapping else None
