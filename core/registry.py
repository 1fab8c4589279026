"""What `type` in a configuration may name: {name: (class, fields it starts from)}."""

from tandemclip.core.data.one_after_another import OneAfterAnother
from tandemclip.core.data.scenes import Scenes
from tandemclip.core.data.shards import Shards
from tandemclip.core.data.tokenizer import ClipBpe, Trained
from tandemclip.core.methods.clip import CLIP
from tandemclip.core.methods.pyramidclip import PyramidCLIP
from tandemclip.core.towers import ModifiedResNet, TextTransformer, VisionTransformer
from tandemclip.core.towers.presets import PRESETS

TYPES = {
    "clip": (CLIP, {}),
    "pyramidclip": (PyramidCLIP, {}),
    "vit": (VisionTransformer, {}),
    "modified_resnet": (ModifiedResNet, {}),
    "text_transformer": (TextTransformer, {}),
    "scenes": (Scenes, {}),
    "shards": (Shards, {}),
    "one_after_another": (OneAfterAnother, {}),
    "clip_bpe": (ClipBpe, {}),
    "trained": (Trained, {}),
    **PRESETS,
}
