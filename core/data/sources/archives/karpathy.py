"""Flickr30K, Flickr8K and MS-COCO by Karpathy's splits (Karpathy and Fei-Fei 2015, arXiv:1412.2306)."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from tandemclip.core.bounds import Count
from tandemclip.core.data.account import Account, Tally
from tandemclip.core.data.sources.annotated_files import AnnotatedFiles
from tandemclip.core.data.sources.image_files import Captioned, plain
from tandemclip.core.data.texts import blank, from_json, in_words
from tandemclip.core.errors import UserError


@dataclass(frozen=True)
class Karpathy(AnnotatedFiles):
    """The pictures of one split of a file like `dataset_flickr30k.json`, in its order, with their captions.

    path: the JSON. folder: where its file names start (MS-COCO's begin with val2014/ or train2014/), or a plain tar
    file that has them. split: which one; MS-COCO's restval is trained on with its train. captions: at most so many of
    each picture, the first ones, as benchmarks take five; further ones are passed over and counted.

    A picture that is not there is remarked, and broken when it is read. Raises UserError for a file or folder that is
    not there or not as described.
    """

    name = "karpathy"

    split: Literal["train", "restval", "val", "test"] = "test"
    captions: Count = 5

    @cached_property
    def _content(self) -> tuple[Captioned, tuple[Account, ...]]:
        path = Path(self.path).expanduser()
        try:
            found = self._read(from_json(path.read_bytes())["images"])
        except OSError as error:
            raise UserError(f"karpathy: {path} cannot be read ({error.strerror}); correct the path") from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"karpathy: {path} is not as expected ({in_words(error)}): images with filename, split and sentences, "
                "each with raw; give one of the files dataset_*.json"
            ) from error
        if not len(found[0]):
            raise UserError(f"karpathy: {path} has no image of the split {self.split}; give another split")
        return found

    def _read(self, images: list[dict[str, Any]]) -> tuple[Captioned, tuple[Account, ...]]:
        others, more, remarks, count = Tally(), Tally(), Tally(), 0
        pairs: list[tuple[str, str]] = []
        seen: set[str] = set()
        for image in images:
            if not isinstance(image["filename"], str) or blank(image["filename"]):
                raise ValueError(f"the filename {image['filename']!r}")
            name = "/".join(filter(None, (image.get("filepath"), image["filename"])))
            if image["split"] != self.split:
                others.add("it is of another split", name)
                continue
            if (file := plain(name)) in seen:
                raise ValueError(f"{name} twice in the split {self.split}")
            seen.add(file)
            texts = [sentence["raw"].strip() for sentence in image["sentences"]]
            count += len(texts)
            for _ in texts[self.captions :]:
                more.add(f"the image has more than {self.captions}", name)
            own = [text for text in texts[: self.captions] if not blank(text)]
            for _ in texts[len(own) : self.captions]:
                more.add("it is blank", name)
            if not own:
                remarks.add("no caption", name)
            pairs += [(name, text) for text in own or [""]]
        found = Captioned(pairs)
        for name in self._files.missing(found.names):
            remarks.add("the file is not there", name)
        of_images = Account(self.path, "images", len(images), len(found), others.counts, remarks.counts)
        return found, (of_images, Account(self.path, "captions", count, count - more.total, more.counts))
