"""The towers that a configuration may name by `type`; others are named by their import path, "package.module:Class"."""

from tandemclip.core.towers.modified_resnet import ModifiedResNet
from tandemclip.core.towers.resnet import ResNet
from tandemclip.core.towers.swin import SwinTransformer
from tandemclip.core.towers.text import TextTransformer
from tandemclip.core.towers.text_embedding import TextEmbedding
from tandemclip.core.towers.vit import VisionTransformer
