"""COCO's caption annotations as a source."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tandemclip.core.data.records import Record
from tandemclip.core.data.sources.image_files import Captioned, existing_folder, read_image
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError


@dataclass(frozen=True)
class CocoCaptions(Source):
    """The images of a file like captions_val2017.json, in its order; those without a caption are left out.

    path: the JSON. folder: where its file names start. Raises UserError for a file or folder that is not there or not
    so.
    """

    path: str
    folder: str

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Record:
        if not 0 <= index < len(self):
            raise IndexError(index)
        name, captions = self._images[index]
        return read_image(self._folder / name, captions=captions)

    def texts(self, limit: int) -> Iterator[str]:
        return self._images.texts(limit)

    @cached_property
    def _folder(self) -> Path:
        return existing_folder(self.folder, "coco_captions")

    @cached_property
    def _images(self) -> Captioned:
        _ = self._folder  # complained of now, not at the first image
        path = Path(self.path).expanduser()
        try:
            content = json.loads(path.read_bytes())
            names = {image["id"]: image["file_name"] for image in content["images"]}
            captions: dict = {}
            for annotation in content["annotations"]:
                captions.setdefault(annotation["image_id"], []).append(annotation["caption"])
            images = Captioned((name, text) for number, name in names.items() for text in captions.get(number, ()))
        except OSError as error:
            raise UserError(f"coco_captions: {path} cannot be read ({error.strerror}); correct the path") from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"coco_captions: {path} is not as expected ({error!r}): images with id and file_name, annotations with "
                "image_id and caption; give COCO's captions, not its instances"
            ) from error
        if not len(images):
            raise UserError(
                f"coco_captions: {path} has a caption for none of its {len(names)} images; give another file"
            )
        return images
