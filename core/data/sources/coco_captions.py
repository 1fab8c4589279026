"""COCO's caption annotations as a source."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tandemclip.core.data.account import Account, Tally
from tandemclip.core.data.records import Record
from tandemclip.core.data.sources.coco_ids import BLANK, Coming, by_id, caption_of, listed, same_files, text_of
from tandemclip.core.data.sources.folder_or_tar import Files, open_files
from tandemclip.core.data.sources.image_files import Captioned
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.texts import blank, from_json, in_words
from tandemclip.core.errors import UserError
from tandemclip.core.identity import Identity, of_file, of_files


@dataclass(frozen=True)
class CocoCaptions(Source):
    """The images of a file like captions_val2017.json, in its order.

    path: the JSON, in UTF-8. folder: where its file names start, or a plain tar file that has them. Images without a
    caption, blank captions, and captions of images that the file does not list are passed over and counted. Raises
    UserError for a file or folder that is not there or not so, and where an image's id stands twice.
    """

    places = ("path", "folder")

    path: str
    folder: str

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Record:
        if not 0 <= index < len(self):
            raise IndexError(index)
        name, captions = self._images[index]
        return Record(self._files.key(name), self._files.read(name), captions=captions)

    def texts(self, limit: int) -> Iterator[str]:
        return self._images.texts(limit)

    @cached_property
    def _files(self) -> Files:
        return open_files(self.folder, "coco_captions")

    def account(self) -> tuple[Account, ...]:
        return self._content[1]

    def identity(self) -> dict[str, Identity]:
        names, files = self._images.names, self._files
        size = lambda number: files.size(names[number])
        return {**of_files(bytes(names), size, len(names), str(files.path)), "annotations": of_file(self.path)}

    @property
    def _images(self) -> Captioned:
        return self._content[0]

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
            raise UserError(
                f"coco_captions: {path} has a caption for none of its {of_images.all} images, and "
                f"{of_captions.all} captions; give another file"
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
