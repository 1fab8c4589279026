"""The protocol that fits a source and a method, where a configuration names a source alone."""

from dataclasses import dataclass

from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.own_classes import OwnClasses
from tandemclip.core.evaluation.protocols.retrieval import Retrieval
from tandemclip.core.evaluation.protocols.zero_shot import ZeroShot
from tandemclip.core.methods.method import Method
from tandemclip.core.training.evaluation import Evaluation


@dataclass(frozen=True)
class Fitting(Evaluation):
    source: Source

    def metrics(self, method):
        return fitting(method, self.source).metrics(method)

    def check(self, method, class_names):
        fitting(method, self.source).check(method, class_names)

    def measure(self, model):
        return fitting(model.method, self.source).measure(model)


def fitting(method: Method, source: Source) -> Evaluation:
    """A method with classes of its own is asked for those. Else a source that says what its classes are called is
    classified by texts, and any other is searched. Raises UserError where none of them can be measured.
    """
    if any(space and names for space, names in source.class_spaces().items()):  # "": of one source
        raise UserError(
            "data.evaluate puts several sources with classes together; evaluate each by itself, with type: one_by_one"
        )
    if method.classes:
        return OwnClasses(source)
    if method.text is None:
        raise UserError(f"{type(method).__name__} has neither texts nor classes; let data.evaluate be a linear_probe")
    return ZeroShot(source) if source.prompts else Retrieval(source)
