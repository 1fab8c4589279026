"""What `type` in a configuration may name: {name: (class, fields it starts from)}."""

from tandemclip.core.data.balanced import Balanced
from tandemclip.core.data.captions_table import CaptionsTable
from tandemclip.core.data.class_folder import ClassFolder
from tandemclip.core.data.coco_captions import CocoCaptions
from tandemclip.core.data.first import First
from tandemclip.core.data.linear_probe import LinearProbe
from tandemclip.core.data.one_after_another import OneAfterAnother
from tandemclip.core.data.one_by_one import OneByOne
from tandemclip.core.data.part import Share, WithoutClasses
from tandemclip.core.data.scenes import Scenes
from tandemclip.core.data.shards import Shards
from tandemclip.core.data.together import Together
from tandemclip.core.data.tokenizer import ClipBpe, Trained
from tandemclip.core.methods.clip import CLIP
from tandemclip.core.methods.cross_entropy import CrossEntropy
from tandemclip.core.methods.multi_task import MultiTask
from tandemclip.core.methods.pyramidclip import PyramidCLIP
from tandemclip.core.methods.supcon import SupCon
from tandemclip.core.methods.unicl import UniCL
from tandemclip.core.towers import ModifiedResNet, ResNet, SwinTransformer, TextEmbedding, TextTransformer, VisionTransformer
from tandemclip.core.towers.presets import PRESETS
from tandemclip.core.training.update import SGD, AdamW

TYPES = {
    "clip": (CLIP, {}),
    "pyramidclip": (PyramidCLIP, {}),
    "unicl": (UniCL, {}),
    "cross_entropy": (CrossEntropy, {}),
    "multi_task": (MultiTask, {}),
    "supcon": (SupCon, {}),
    "vit": (VisionTransformer, {}),
    "modified_resnet": (ModifiedResNet, {}),
    "resnet": (ResNet, {}),
    "swin": (SwinTransformer, {}),
    "text_transformer": (TextTransformer, {}),
    "text_embedding": (TextEmbedding, {}),
    "scenes": (Scenes, {}),
    "shards": (Shards, {}),
    "captions_table": (CaptionsTable, {}),
    "coco_captions": (CocoCaptions, {}),
    "class_folder": (ClassFolder, {}),
    "first": (First, {}),
    "one_after_another": (OneAfterAnother, {}),
    "one_by_one": (OneByOne, {}),
    "linear_probe": (LinearProbe, {}),
    "together": (Together, {}),
    "balanced": (Balanced, {}),
    "share": (Share, {}),
    "without_classes": (WithoutClasses, {}),
    "clip_bpe": (ClipBpe, {}),
    "trained": (Trained, {}),
    "adamw": (AdamW, {}),
    "sgd": (SGD, {}),
    **PRESETS,
}
