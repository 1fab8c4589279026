"""Classification by the classes that a method itself has (`Method.classes`), compared by name where both have names."""

from dataclasses import dataclass

import numpy as np

from tandemclip.core.data.sources.class_names import places_among
from tandemclip.core.data.sources.source import Source
from tandemclip.core.evaluation.protocols.classes import class_metrics, class_statistics, refuse_classless
from tandemclip.core.evaluation.protocols.features import with_class
from tandemclip.core.training.evaluation import Evaluation

BY_NUMBER = "classes are compared by their number, as the data or the checkpoint does not say what they are called"


@dataclass(frozen=True)
class OwnClasses(Evaluation):
    """All records of the source, by the classes that the method itself has.

    source: what is asked.
    """

    source: Source

    def metrics(self, method):
        refuse_classless("own_classes", method)
        return class_metrics(method.classes, self.source.multi_label)

    def check(self, method, class_names):
        self._places(class_names)

    def measure(self, model):
        refuse_classless("own_classes", model.method)
        classes, places = model.method.classes, self._places(model.class_names)
        most = classes if places is None else len(places)
        scores, truth = with_class(model, self.source, "classify", most)  # [N, classes]
        if places is None:
            return class_statistics(scores, truth, classes, (BY_NUMBER,), model.class_names)
        if self.source.multi_label:
            return class_statistics(scores[:, places], truth, len(places))
        return class_statistics(scores, np.where(truth < 0, -1, places[truth]), classes, (), model.class_names)

    def _places(self, learned: tuple[str, ...]) -> np.ndarray | None:
        """[classes of the source] int: the method's number of each; None where nobody says what either are called."""
        asked = self.source.listed_classes
        return places_among(asked, learned) if asked and learned else None
