"""Hateful Memes (Kiela et al. 2020): a JSON a line for each picture."""

from dataclasses import dataclass
from typing import Literal

from tandemclip.core.data.account import Tally
from tandemclip.core.data.sources.archives.labelled import Labelled, Listed
from tandemclip.core.data.texts import blank, from_json, in_words


@dataclass(frozen=True)
class HatefulMemes(Labelled):
    """`img/01235.png` by `train.jsonl` and the like: {"id", "img": "img/01235.png", "label": 0 or 1, "text"}. What is
    written on a picture is not used. Rows without a label, as the challenge's test sets have them, are passed over.

    split: which file.
    """

    split: Literal["train", "dev", "dev_seen", "dev_unseen", "test_seen", "test_unseen"] = "dev"

    def listed(self):
        pictures, labels, passed, name = [], [], Tally(), f"{self.split}.jsonl"
        for line in self.lines(name):
            try:
                row = from_json(line.encode())
                if "label" not in row:
                    passed.add("it has no label", str(row["img"]))
                    continue
                picture, label = row["img"], row["label"]
                if type(label) is not int or label not in (0, 1) or not isinstance(picture, str):
                    raise ValueError(f"the label {label!r} of {picture!r}")
                if blank(picture) or picture.startswith("/") or ".." in picture.split("/"):
                    raise ValueError(f"the img {picture!r}, no file of the archive")
            except (KeyError, TypeError, ValueError) as error:
                raise self.unlike(name, in_words(error)) from error
            pictures.append(picture)
            labels.append(label)
        return Listed(pictures, labels, ("meme", "hatespeech meme"), passed.counts, "rows")
