"""Published architectures as data: {name: (type, fields)}, for `type` in a configuration, whose other keys override.

CLIP: Radford et al. 2021, table 19 and 20. PyramidCLIP: Gao et al. 2022, and the released model_config.yml; its towers
differ from CLIP's by LeFF in 9 of the 12 image blocks, the ROI path, and text pooled by the maximum. UniCL: Yang et al.
2022, sizes and drop path as in the released configurations of its Swins. Swin: Liu et al. 2021, section 3.3. LightCLIP:
Nie et al. 2023, which prints parameters (12.51, 2.45 and 7.11 million) and few sizes; heads, the pool without positions
and Swin-Nano as Swin-T at half its width are what makes these numbers. It has no drop path, and 8 layers of text; the
depths 4 and 16 are of its Fig. 1c, where 12 are CLIP's. SLIP: Mu et al. 2022, as facebookresearch released it, on
timm's vision transformer; its text tower is CLIP's. SLIP-RN50 is of DeCLIP's copy, where a linear map stands behind the
pool.
"""

VIT_B = {"resolution": 224, "width": 768, "layers": 12, "heads": 12, "embed_dim": 512}
VIT_B_32, VIT_B_16 = VIT_B | {"patch": 32}, VIT_B | {"patch": 16}
RN50 = {"resolution": 224, "layers": [3, 4, 6, 3], "width": 64, "heads": 32, "embed_dim": 1024}
TEXT = {"vocab_size": 49408, "context_length": 77, "width": 512, "layers": 12, "heads": 8}

ROI = {"roi": {"dim": 2048}}
LEFF = ROI | {"leff_depth": 9, "frozen_patches": True}  # the released class never trains its patch embedding
MAXIMUM = {"pool": "max"}
SWIN = {"resolution": 224, "window": 7, "embed_dim": 512}
SWIN_T = SWIN | {"width": 96, "depths": [2, 2, 6, 2], "heads": [3, 6, 12, 24]}
SWIN_B = SWIN | {"width": 128, "depths": [2, 2, 18, 2], "heads": [4, 8, 16, 32]}
TIMM_VIT = {"activation": "gelu", "eps": 1e-6, "input_norm": False, "patch_bias": True, "initial": "0.02"}
VIT_S = {"width": 384, "heads": 12}  # 12 heads as released, where others take 6
LIGHT = {"resolution": 224, "embed_dim": 1024}

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
    "UniCL-Swin-T": ("swin", SWIN_T | {"drop_path": 0.2}),
    "UniCL-Swin-B": ("swin", SWIN_B | {"drop_path": 0.5}),
    "ResNet-50": ("resnet", {"resolution": 224, "layers": [3, 4, 6, 3], "embed_dim": 512}),
    "ResNet-101": ("resnet", {"resolution": 224, "layers": [3, 4, 23, 3], "embed_dim": 512}),
    "UniCL-text": ("text_transformer", TEXT | {"embed_dim": 512, "eps": 1e-12, "initial": "0.02"}),
    "LightCLIP-ResNet18": ("basic_resnet", LIGHT | {"layers": [2, 2, 2, 2], "heads": 8}),
    "LightCLIP-MobileNet-V2": ("mobilenet_v2", LIGHT | {"heads": 5}),
    "LightCLIP-Swin-Nano": ("swin", SWIN_T | {"width": 48}),
    "LightCLIP-Swin-T": ("swin", SWIN_T),
    "LightCLIP-Swin-S": ("swin", SWIN_T | {"depths": [2, 2, 18, 2]}),
    "LightCLIP-Swin-B": ("swin", SWIN_B),
    "LightCLIP-text-512": ("text_transformer", TEXT | {"layers": 8, "embed_dim": 512}),  # beside Swins
    "LightCLIP-text-1024": ("text_transformer", TEXT | {"layers": 8, "embed_dim": 1024}),  # beside the other two
    "SLIP-ViT-S/16": ("vit", VIT_B_16 | VIT_S | TIMM_VIT),  # beside CLIP-text-512
    "SLIP-ViT-B/16": ("vit", VIT_B_16 | TIMM_VIT),
    "SLIP-RN50": ("modified_resnet", RN50 | {"pool_dim": 2048}),  # beside CLIP-text-1024
    "CLIP-text-512-L4": ("text_transformer", TEXT | {"layers": 4, "embed_dim": 512}),
    "CLIP-text-512-L16": ("text_transformer", TEXT | {"layers": 16, "embed_dim": 512}),
    "CLIP-text-1024-L4": ("text_transformer", TEXT | {"layers": 4, "embed_dim": 1024}),
    "CLIP-text-1024-L16": ("text_transformer", TEXT | {"layers": 16, "embed_dim": 1024}),
}
