"""Blocks in stages, named `stages.S.I` by the spec that has them."""


def through_stages(p, x, depths):  # [B, inputs, H, W] -> what each stage's last block gave: [B, C, h, w] each
    seen = []
    for stage, depth in enumerate(depths):
        for i in range(depth):
            x = p.child(f"stages.{stage}.{i}")(x)
        seen.append(x)
    return tuple(seen)
