"""COCO's caption annotations as a source."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tandemclip.core.data.account import Account, Tally
from tandemclip.core.data.sources.annotated_files import AnnotatedFiles
from tandemclip.core.data.sources.coco_ids import BLANK, Coming, by_id, caption_of, listed, same_files, text_of
from tandemclip.core.data.sources.image_files import Captioned
from tandemclip.core.data.texts import blank, from_json, in_words
from tandemclip.core.errors import UserError


@dataclass(frozen=True)
class CocoCaptions(AnnotatedFiles):
    """The images of a file like captions_val2017.json, in its order.

    path: the JSON, in UTF-8. folder: where its file names start, or a plain tar file that has them. Images without a
    caption, blank captions, and captions of images that the file does not list are passed over and counted. Raises
    UserError for a file or folder that is not there or not so, and where an image's id stands twice.
    """

    name = "coco_captions"

    @cached_property
    def _content(self) -> tuple[Captioned, tuple[Account, ...]]:
        _ = self._files  # complained of now, not at the first image
        path = Path(self.path).expanduser()
        try:
            found = _read(str(path), from_json(path.read_bytes()))
        except OSError as error:
            raise UserError(f"coco_captions: {path} cannot be read ({error.strerror}); correct the path") from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"coco_captions: {path} is not as expected ({in_words(error)}): images with id and file_name, "
                "annotations with image_id and caption; give COCO's captions, not its instances"
            ) from error
        images, (of_images, of_captions) = found
        if not len(images):
            why = ", ".join(f"{reason} ({named})" for reason, named in of_captions.passed_over.items())
            raise UserError(
                f"coco_captions: {path} has {of_images.all} images and {of_captions.all} captions, and no image has a "
                f"caption that is read{why and f': {why}'}; correct the ids, or give another file"
            )
        return found


def _read(path: str, content: dict) -> tuple[Captioned, tuple[Account, Account]]:
    """-> (the images that have a caption, the accounts of images and captions)"""
    images = by_id(listed(content, "images"), "images")
    names = {number: text_of(image, "file_name", f"the image of id {number!r}") for number, image in images.items()}
    captions: dict = {}
    coming, passed = Coming(path, "captions", images), Tally()
    for annotation in listed(content, "annotations"):
        text = caption_of(annotation)
        if coming.comes(annotation, BLANK if blank(text) else None):
            captions.setdefault(annotation["image_id"], []).append(text)
    for number, name in names.items():
        if number not in captions:
            passed.add("it has no caption", f"id {number!r} ({name})")
    remarks = same_files(images).counts
    captioned = Captioned((name, text) for number, name in names.items() for text in captions.get(number, ()))
    account = Account(path, "images", len(images), len(captions), passed.counts, remarks)
    return captioned, (account, coming.account())
