"""What is trained in pieces and on ranks: some of our methods, and seven small ones from a folder of their own."""

from pathlib import Path

METHODS = Path(__file__).with_name("my_methods.py")
TINY = """
base: {root}/configs/pretrain/tiny_clip_vit.yaml
method: {{type: "my_methods:NAME", image: {{layers: 1}}, text: {{layers: 1}}}}
"""
OURS = {
    # PyramidCLIP without LeFF, whose BatchNorms see a piece at a time: all nine pairs, and samples without objects
    "pyramidclip": """
base: {root}/configs/pretrain/tiny_pyramidclip_vit.yaml
method:
  image: {{leff_depth: 0}}
  weights: {{GS: 0.1, GT: 0.1, GA: 0.1, LS: 0.1, LT: 0.1, LA: 0.1, RS: 0.1, RT: 0.1, RA: 0.2}}
""",
    # classes and captions that meet across ranks, dropped branches, and mixed neighbours: pieces of two
    "unicl": """
base: {root}/configs/pretrain/tiny_unicl_swin.yaml
method: {{mixup: 0.8, cutmix: 1.0, alpha: 0.1}}
training: {{batch_size: 16}}
""",
    # softened targets, a matching of tokens, and masked words of which pieces have different numbers
    "lightclip": """
base: {root}/configs/pretrain/tiny_lightclip_swin.yaml
""",
    # every image against every text, in chunks of columns
    "siglip": """
base: {root}/configs/pretrain/tiny_siglip_vit.yaml
""",
    # a head whose BatchNorms see the whole batch, whatever pieces and ranks it comes in
    "slip": """
base: {root}/configs/pretrain/tiny_slip_vit.yaml
""",
    # tokens of everybody, of texts of several lengths; maxima over a selection that each sample makes for itself
    "filip": """
base: {root}/configs/pretrain/tiny_filip_vit.yaml
""",
    "filip_selected": """
base: {root}/configs/pretrain/tiny_filip_vit.yaml
method: {{select: 3, padding: true}}
""",
    # heads over the whole batch, masked words, and a queue that wraps in the middle of a batch
    "declip": """
base: {root}/configs/pretrain/tiny_declip_vit.yaml
""",
    "defilip": """
base: {root}/configs/pretrain/tiny_defilip_vit.yaml
method: {{caption: plain, queue: {{pushes: plain}}}}
""",
}
OWN = {  # one method of one's own for each mechanism, see my_methods.py
    **{name: TINY.replace("NAME", name) for name in ("Queue", "TokenWise", "Matching", "TwoPhases", "Frozen")},
    "DropPathCLIP": """
base: {root}/configs/pretrain/tiny_unicl_swin.yaml
method: {{type: "my_methods:DropPathCLIP", temperature: 0.07}}
""",
    "Brightness": """
base: {root}/configs/pretrain/tiny_supcon_swin.yaml
method: {{type: "my_methods:Brightness"}}
""",
}
CONFIGS = OURS | OWN
# The gradient is not that of the whole: LeFF's BatchNorms see a piece at a time, and their statistics are averaged over
# ranks; a head may see the samples of a rank at a time, and the statistics are equal as they are.
BATCH_NORM = {
    "LeFF": """
base: {root}/configs/pretrain/tiny_clip_vit.yaml
method: {{image: {{layers: 1, leff_depth: 1}}, text: {{layers: 1}}}}
""",
    "slip_by_rank": """
base: {root}/configs/pretrain/tiny_slip_vit.yaml
method: {{simclr: {{statistics: rank}}}}
""",
}


# Those that differ in little from another one. MindSpore compiles for half a minute for each, so that they are left to
# `make test-full` there.
ALIKE = ("siglip", "slip", "slip_by_rank", "filip_selected", "defilip", "TokenWise", "DropPathCLIP", "Brightness")


def write(root: Path, folder: Path, names) -> dict[str, Path]:
    """The files of these configurations, and the methods beside them, in a folder that Python is to find modules in."""
    (folder / METHODS.name).write_text(METHODS.read_text())
    files = {name: folder / f"{name}.yaml" for name in names}
    for name, path in files.items():
        path.write_text((CONFIGS | BATCH_NORM)[name].format(root=root))
    return files
