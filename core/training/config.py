"""What a run is configured by: a method, its data, and how it trains, read from one YAML file."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import prod
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Le

from tandemclip.core.config.build import build
from tandemclip.core.config.yaml_file import read_mapping
from tandemclip.core.config.yaml_text import merge
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.tokenizers.tokenizer import TokenizerConfig
from tandemclip.core.data.views.image import ImageView
from tandemclip.core.errors import UserError
from tandemclip.core.methods.method import Method
from tandemclip.core.training.evaluation import Evaluation
from tandemclip.core.training.init import Init
from tandemclip.core.training.settings import Training
from tandemclip.core.training.tuning import nothing_matches

MOST = 10**11  # parameters and buffers: 400 GB of float32, a thousand times what the papers' methods have


@dataclass(frozen=True)
class Data:
    """What is trained and evaluated on.

    train: where records come from. evaluate: a source, or a protocol with its sources. tokenizer: for methods that read
    texts. workers: processes that decode and crop (0: a thread of this one), in training and in evaluation.
    bad_records: the list of those of `train` that are left out, as `tandemclip prepare check` writes it.
    """

    train: Source
    tokenizer: TokenizerConfig | None = None
    evaluate: Evaluation | None = None
    workers: Annotated[int, Ge(0), Le(1000)] = 1
    bad_records: str | None = None


@dataclass(frozen=True)
class Config:
    """One run.

    method: what is learned, and by which towers. data: what it is learned from. training: how long and how fast. init:
    where the weights of a new run come from, beside those that are drawn.
    """

    method: Method
    data: Data
    training: Training
    init: Init | None = None

    def __post_init__(self):
        self._check_size()
        self._check_patterns()
        if self.training.keep.best is not None and self.data.evaluate is None:
            raise UserError(
                f"training.keep.best is {self.training.keep.best!r} and data.evaluate is missing, so that nothing is "
                "measured; add data.evaluate, or leave keep.best and stop_after out"
            )
        text, tokenizer = self.method.text, self.data.tokenizer
        if text is None and tokenizer is None:
            return
        if tokenizer is None:
            raise UserError(
                "data.tokenizer is missing; the method reads texts: add it, e.g. data.tokenizer={type: clip_bpe}"
            )
        if text is None:
            raise UserError(f"data.tokenizer is given and {type(self.method).__name__} reads no text; leave it out")
        if text.end_is_highest and not tokenizer.end_is_highest:
            raise UserError(
                f"method.text is a {type(text).__name__}, which takes the highest id for the end of a text, and in the "
                f"vocabulary of a {type(tokenizer).__name__} it is another one; take method.text.type=bert, or "
                "data.tokenizer={type: clip_bpe} or {type: trained}"
            )
        wanted, given = text.vocab_size, tokenizer.vocab_size
        if wanted != given:
            raise UserError(
                f"method.text.vocab_size is {wanted} and the tokenizer has {given} ids; set "
                f"method.text.vocab_size={given}"
            )

    def _check_size(self):
        """Numbers with a few digits too many, before anybody asks for the room that they take."""
        sizes = {name: prod(each.shape) for name, each in self.method.declared().items()}
        if (total := sum(sizes.values())) > MOST:
            name = max(sizes, key=sizes.__getitem__)
            shape = list(self.method.declared()[name].shape)
            raise UserError(
                f"the method has {total:.1e} numbers to learn, and {name} alone {shape}; "
                f"expected {MOST:.0e} at most: lower its sizes, such as width or vocab_size"
            )

    def _check_patterns(self):
        self.training.tuning.check(self.method)
        names = [name for name, _ in self.method.all_parameters()]
        for pattern in self.method.frozen:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise nothing_matches(f"{type(self.method).__name__}.frozen", pattern, names)

    @property
    def views_a_step(self) -> int:
        """Crops that go through the image tower: CLIP's batch once, PyramidCLIP's twice."""
        return views_a_step(self.method, self.training.batch_size)


def views_a_step(method: Method, batch_size: int) -> int:
    return batch_size * sum(isinstance(view, ImageView) for view in method.views().values())


def read(path: Path, overrides: dict | None = None) -> tuple[Config, dict]:
    """A YAML file with `overrides` laid over it -> the configuration and the mapping it was built from."""
    mapping = merge(read_mapping(Path(path), "config", "method, data and training"), overrides or {})
    return build(Config, mapping), mapping
