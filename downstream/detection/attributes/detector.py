"""A trained object-attribute detector as a function: pixels -> the objects on them, with a phrase and a feature each.

What `tools/prepare.py objects --detector` writes into the shards that PyramidCLIP trains on (section 3.2, A.2).
"""

import hashlib
from pathlib import Path

import numpy as np
import torch
from mmdet.registry import MODELS, TRANSFORMS
from mmdet.utils import get_test_pipeline_cfg
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmengine.utils import import_modules_from_strings

import tandemclip.downstream.detection.register  # noqa: F401
from tandemclip.backends.torch import pickles
from tandemclip.backends.torch.devices import device
from tandemclip.core.data.records import Object
from tandemclip.core.data.views.rois import OBJECTS
from tandemclip.core.errors import UserError
from tandemclip.downstream.detection import own_towers
from tandemclip.downstream.detection.attributes import written_config
from tandemclip.downstream.detection.attributes.roi_head import AttributeRoIHead
from tandemclip.downstream.detection.trained_file import checkpoint_file

LOADING = ("LoadImageFromFile", "LoadAnnotations", "LoadObjectAttributes")
DIGITS = 6


def open_detector(path: Path, trust: bool = False) -> "Detector":
    """The detector of a checkpoint that a training with PlainCheckpoints wrote, which has all: config, weights, words.

    path: the training's folder (its newest checkpoint) or a file. trust: import what its configuration names from
    elsewhere. Raises UserError for any other file.
    """
    path = checkpoint_file(path)
    content = pickles.load(path)
    try:
        meta, weights = content["meta"], content["state_dict"]
        text, words = meta["cfg"], meta["dataset_meta"]
        classes, attributes = (tuple(words[kind]) for kind in ("classes", "attributes"))
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{path} is no checkpoint of an object-attribute detector (it lacks {error}); give one that a training "
            "with the config object_attribute_scenes or the like wrote"
        ) from error
    config = written_config.read(text, str(path))
    own_towers.begin_from_nothing(config, meta, path)
    if not trust:
        written_config.refuse_foreign(config, str(path))
    import_modules_from_strings(**config.get("custom_imports", dict(imports=None)))
    with open(path, "rb") as file:
        identity = hashlib.file_digest(file, "sha256").hexdigest()
    return Detector(_model(config, weights, str(path)), _pipeline(config), classes, attributes, identity)


class Detector:
    """pixels [H, W, 3] uint8 RGB -> at most 10 objects, the most confident first: box in 0..1 of width and height,
    phrase "attribute attribute category", confidence, feature [D], category and attributes.

    One picture at a time, so that its objects do not depend on what other pictures were beside it. identity: a hash of
    the checkpoint.
    """

    def __init__(self, model, pipeline, classes: tuple[str, ...], attributes: tuple[str, ...], identity: str):
        self.model, self.pipeline, self.identity = model, pipeline, identity
        self.classes, self.attributes = classes, attributes

    def __call__(self, pixels: np.ndarray) -> tuple[Object, ...]:
        height, width = pixels.shape[:2]
        packed = self.pipeline({"img": np.ascontiguousarray(pixels[..., ::-1]), "img_id": 0})  # mmdet's are BGR
        with torch.no_grad():
            sample = self.model.test_step({key: [value] for key, value in packed.items()})[0]
        found = sample.pred_instances.cpu()
        best = found[found.scores.argsort(descending=True, stable=True)[:OBJECTS]]
        boxes = (best.bboxes / best.bboxes.new_tensor([width, height] * 2)).clamp(0, 1).tolist()
        named = self.model.roi_head.attribute_head.named(best.attributes)
        labels, scores = best.labels.tolist(), best.scores.tolist()
        features = best.features.float().numpy()
        return tuple(map(self._object, boxes, named, labels, scores, features))

    def _object(self, box, numbers, label, score, feature) -> Object:
        category, attributes = self.classes[label], tuple(self.attributes[number] for number in numbers)
        return Object(
            box=tuple(round(edge, DIGITS) for edge in box),
            phrase=" ".join([*attributes, category]),
            confidence=round(score, DIGITS),
            feature=feature,
            category=category,
            attributes=attributes,
        )


def _model(config: Config, weights: dict, source: str):
    init_default_scope("mmdet")
    model = MODELS.build(config.model)
    if not isinstance(model.roi_head, AttributeRoIHead):
        raise UserError(
            f"{source}: its roi_head is a {type(model.roi_head).__name__}, which tells no attributes; expected an "
            "AttributeRoIHead, as in the config object_attribute_scenes"
        )
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise UserError(f"{source}: its weights do not fit its configuration: {str(error).splitlines()[1]}") from error
    return model.to(device()).eval()


def _pipeline(config: Config) -> Compose:
    """The transforms of the configuration's test pictures, behind what loads them."""
    rest = [step for step in get_test_pipeline_cfg(config) if step["type"].split(".")[-1] not in LOADING]
    return Compose([TRANSFORMS.build(step) for step in [{"type": "mmdet.LoadImageFromNDArray"}, *rest]])
