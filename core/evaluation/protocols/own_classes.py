"""Classification by the classes that a method itself has (`Method.classes`)."""

from dataclasses import dataclass

from tandemclip.core.data.sources.source import Source
from tandemclip.core.evaluation.protocols.classes import class_hits, class_metrics, ranked
from tandemclip.core.evaluation.protocols.features import with_class
from tandemclip.core.training.evaluation import Evaluation


@dataclass(frozen=True)
class OwnClasses(Evaluation):
    source: Source

    def metrics(self, method):
        return class_metrics(method.classes)

    def measure(self, model):
        classes = model.method.classes
        scores, labels = with_class(model, self.source, "classify", classes)  # [N, classes], [N]
        return class_hits(ranked([scores]), labels, classes)
