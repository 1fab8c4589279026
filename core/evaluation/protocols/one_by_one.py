"""Several evaluations, each for itself."""

from dataclasses import dataclass

from tandemclip.core.training.evaluation import Evaluation


@dataclass(frozen=True)
class OneByOne(Evaluation):
    """Several evaluations, each for itself.

    sources: sources or protocols. names: one for each of `sources`, in front of the names of its metrics:
    "cifar10/top1".
    """

    sources: tuple[Evaluation, ...]
    names: tuple[str, ...]

    def __post_init__(self):
        if len(set(self.names)) != len(self.sources) or len(self.names) != len(self.sources):
            raise ValueError(
                f"the names are {list(self.names)} for {len(self.sources)} sources; give each one of its own"
            )

    def metrics(self, method):
        return [f"{name}/{metric}" for name, each in zip(self.names, self.sources) for metric in each.metrics(method)]

    def measure(self, model):
        """The images of all sources, one source after the other; a metric asks those of its own."""
        parts = [each.measure(model) for each in self.sources]
        counts = [next(iter(part.values())).images for part in parts]
        return {
            f"{name}/{metric}": statistic.among(sum(counts[:place]), sum(counts))
            for place, (name, part) in enumerate(zip(self.names, parts))
            for metric, statistic in part.items()
        }
