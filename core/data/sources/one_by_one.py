"""Several sources. A model is evaluated on each of them separately."""

from dataclasses import dataclass

from tandemclip.core.data.sources.together import Together


@dataclass(frozen=True)
class OneByOne(Together):
    """names: one for each of `sources`, in front of the names of its metrics: "cifar10/top1"."""

    names: tuple[str, ...]

    def __post_init__(self):
        if len(set(self.names)) != len(self.sources) or len(self.names) != len(self.sources):
            raise ValueError(
                f"the names are {list(self.names)} for {len(self.sources)} sources; give each one of its own"
            )
