"""CLIP's linear probe (Radford et al. 2021, A.3), which PyramidCLIP follows (B.1): logistic regression by L-BFGS of
features in front of the projection, as they are, its strength of L2 chosen by a parametric search on a validation
split. Then it learns from train and validation together.

`linear_probe` is another one: SupCon's, of features of length 1.
"""

from dataclasses import dataclass

from tandemclip.core.data.sources.source import Source
from tandemclip.core.evaluation.protocols.classes import class_metrics, class_statistics
from tandemclip.core.evaluation.protocols.learned import (
    class_count,
    held_out,
    labelled,
    on_same,
    on_unlearned,
    on_validation,
    places_in,
)
from tandemclip.core.evaluation.protocols.probing import choose, on_convergence, on_untold, probe
from tandemclip.core.training.evaluation import Evaluation

HELD_OUT = 0.2  # of `learn`, where there is no validation split


@dataclass(frozen=True)
class ParametricProbe(Evaluation):
    """All records of `source`, by CLIP's linear probe: a classifier of features that stay as they are.

    source: what is asked. learn: what is learned from; it has all classes of `source`, which are compared by name.
    validation: what the strength of regularisation is chosen on; null: a fifth of `learn`, drawn, of which every class
    keeps an image to learn from.
    """

    source: Source
    learn: Source
    validation: Source | None = None

    def metrics(self, method):
        for each in (self.source, self.validation or self.learn):
            places_in(each, self.learn)
        return class_metrics(class_count(self.learn), self.learn.multi_label)

    def measure(self, model):
        learned = whole = labelled(model, self.learn, self.learn).known
        if self.validation is None:
            rest, held = map(learned.take, held_out(learned.truth, HELD_OUT, "parametric probe"))
            where = f"{len(held):,} images of `learn`, held out at random as there is no `validation`"
        else:
            rest, held = learned, labelled(model, self.validation, self.learn).known
            whole = learned.then(held)
            where = f"the {len(held):,} images of `validation`"
        chosen = choose(rest, held)
        found = probe(whole, chosen.strength)
        tried = f"the strength of L2 is {chosen.strength:.3g}, the best of {len(chosen.converged)} on {where}"
        remarks = (tried, *on_convergence(chosen.converged, (found.converged,)), *on_untold(found))
        asked, classes = labelled(model, self.source, self.learn), class_count(self.learn)
        names = self.learn.listed_classes
        if not whole.multi_label:
            remarks += on_unlearned(whole.truth, asked.truth, names)
        remarks += on_same("learn", learned, asked)
        if self.validation is not None:
            remarks += on_validation(held, learned, asked, names)
        return class_statistics(found.scores(asked.features, classes), asked.truth, classes, remarks, names)
