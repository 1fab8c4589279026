"""Published architectures as data: {name: (type, fields)}, for `type` in a configuration, whose other keys override.

CLIP: Radford et al. 2021, table 19 and 20. PyramidCLIP: Gao et al. 2022, and the released model_config.yml; its towers
differ from CLIP's by LeFF in 9 of the 12 image blocks, the ROI path, and text pooled by the maximum. UniCL: Yang et al.
2022, sizes and drop path as in the released configurations of its Swins.
"""

VIT_B = {"resolution": 224, "width": 768, "layers": 12, "heads": 12, "embed_dim": 512}
VIT_B_32, VIT_B_16 = VIT_B | {"patch": 32}, VIT_B | {"patch": 16}
RN50 = {"resolution": 224, "layers": [3, 4, 6, 3], "width": 64, "heads": 32, "embed_dim": 1024}
TEXT = {"vocab_size": 49408, "context_length": 77, "width": 512, "layers": 12, "heads": 8}

ROI = {"roi": {"dim": 2048}}
LEFF = ROI | {"leff_depth": 9, "frozen_patches": True}  # the released class never trains its patch embedding
MAXIMUM = {"pool": "max"}
SWIN = {"resolution": 224, "window": 7, "embed_dim": 512}

PRESETS = {
    "ViT-B/32": ("vit", VIT_B_32),
    "ViT-B/16": ("vit", VIT_B_16),
    "RN50": ("modified_resnet", RN50),
    "CLIP-text-512": ("text_transformer", TEXT | {"embed_dim": 512}),  # beside ViT-B
    "CLIP-text-1024": ("text_transformer", TEXT | {"embed_dim": 1024}),  # beside RN50
    "PyramidCLIP-ViT-B/32": ("vit", VIT_B_32 | LEFF),
    "PyramidCLIP-ViT-B/16": ("vit", VIT_B_16 | LEFF),
    "PyramidCLIP-RN50": ("modified_resnet", RN50 | ROI),
    "PyramidCLIP-text-512": ("text_transformer", TEXT | MAXIMUM | {"embed_dim": 512}),
    "PyramidCLIP-text-1024": ("text_transformer", TEXT | MAXIMUM | {"embed_dim": 1024}),
    "UniCL-Swin-T": ("swin", SWIN | {"width": 96, "depths": [2, 2, 6, 2], "heads": [3, 6, 12, 24], "drop_path": 0.2}),
    "UniCL-Swin-B": ("swin", SWIN | {"width": 128, "depths": [2, 2, 18, 2], "heads": [4, 8, 16, 32], "drop_path": 0.5}),
    "ResNet-50": ("resnet", {"resolution": 224, "layers": [3, 4, 6, 3], "embed_dim": 512}),
    "ResNet-101": ("resnet", {"resolution": 224, "layers": [3, 4, 23, 3], "embed_dim": 512}),
    "UniCL-text": ("text_transformer", TEXT | {"embed_dim": 512, "eps": 1e-12, "initial": "0.02"}),
}
