"""Classes: numbers to learn, and labels that say what is equal."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from tandemclip.core.data.records import BrokenRecord, Record
from tandemclip.core.data.views.view import View
from tandemclip.core.errors import UserError


@dataclass(frozen=True)
class LabelView(View):
    """A true class -> "": [] int32, -1 where there is none. attribute: one of record.attributes; None: record.label.

    classes: how many there are; UserError for a number beyond them.
    """

    attribute: str | None = None
    classes: int | None = None

    def arrays(self):
        return {"": ((), np.dtype(np.int32))}

    def __call__(self, record, rng, tokenizer):
        label = record.label if self.attribute is None else record.attributes.get(self.attribute)
        if label is not None and self.classes is not None and label >= self.classes:
            raise UserError(
                f"{record.key} has class {label}, and the method has {self.classes}, counted from 0; give it as many "
                "as the data has"
            )
        return {"": np.asarray(-1 if label is None else label, np.int32)}


@dataclass(frozen=True)
class PresentView(View):
    """Which classes are in the picture -> "": [classes] int8, 1 yes, 0 no, -1 not asked; all -1 where nobody says.

    classes: how many there are; UserError for a record that speaks of another number of them.
    """

    classes: int

    def arrays(self):
        return {"": ((self.classes,), np.dtype(np.int8))}

    def __call__(self, record, rng, tokenizer):
        if record.present is None:
            return {"": np.full(self.classes, -1, np.int8)}
        if record.present.shape != (self.classes,):
            raise UserError(
                f"{record.key} says of {record.present.shape} classes whether they are there; expected one number for "
                f"each of {self.classes}: check the source, or give the names of the same classes"
            )
        return {"": record.present.astype(np.int8)}


@dataclass(frozen=True)
class ClassView(View):
    """The class of a record, which is equal to that of another one of the same source and label only -> "": [2] int32.

    A record without one is broken.
    """

    def arrays(self):
        return {"": ((2,), np.dtype(np.int32))}

    def __call__(self, record, rng, tokenizer):
        if record.label is None:
            raise BrokenRecord(record.key, "it has no class")
        return {"": hashed(class_of(record))}


def class_of(record: Record) -> bytes:
    return f"{record.classes} {record.label}".encode()


def hashed(content: bytes) -> np.ndarray:
    """63 bits as [2] int32, the same in every process: engines have no wider integers that they compare alike."""
    return np.array(divmod(hash63(content), 2**32), np.uint32).view(np.int32)


def hash63(content: bytes) -> int:
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "little") >> 1
