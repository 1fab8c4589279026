"""Which tests are to notice an edit of a file: those that mirror it first, and then those around them."""

import re
from pathlib import Path

# One tiny configuration's parity for the rooms whose code is in the method that runs; the first whose name fits.
PRESETS = {
    "pyramidclip": "tiny_pyramidclip_vit", "roi": "tiny_pyramidclip_vit", "leff": "tiny_pyramidclip_vit",
    "swin": "tiny_unicl_swin", "window": "tiny_unicl_swin", "unicl": "tiny_unicl_swin", "targets": "tiny_unicl_swin",
    "mixing": "tiny_unicl_swin", "lightclip": "tiny_lightclip_swin", "softening": "tiny_lightclip_swin",
    "masked_language": "tiny_lightclip_swin", "token_alignment": "tiny_lightclip_swin", "supcon": "tiny_supcon_swin",
    "cross_entropy": "tiny_cross_entropy_resnet", "multi_task": "tiny_multi_task_swin", "resnet": "tiny_clip_rn",
    "bottleneck": "tiny_clip_rn", "attention_pool": "tiny_clip_rn", "stem": "tiny_clip_rn", "pooled": "tiny_clip_rn",
}  # fmt: skip
# What every engine is held to stands with the training that asks it of them.
CONTRACT = Path("core/training")
COMPUTED = ("core/objectives", "core/layers", "core/towers", "core/methods", "backends/")


def stages(root: Path, file: str) -> dict[str, list[str]]:
    """{what they are: pytest's arguments}, to be run in this order until one fails."""
    place = Path(file)
    folder = root / "tests" / place.parent
    mirror = [folder / f"test_{place.stem}.py"]
    beside = sorted(folder.rglob("test_*.py"))
    rooms = [Path(*place.parts[:2])] + ([CONTRACT] if place.parts[0] == "backends" else [])
    near = [path for room in rooms for path in sorted((root / "tests" / room).rglob("test_*.py"))]
    naming = [path for path in near if _names(path, place)]
    found = {"its mirror": [path for path in mirror if path.is_file()]}
    found["tests of its room that name it"] = [path for path in naming if path not in mirror]
    if not any(found.values()):
        found["its mirror's folder"] = beside
    found = {name: [str(path.relative_to(root)) for path in paths] for name, paths in found.items() if paths}
    found["the rules of the house"] = ["tests/test_house.py", "-k", "frozen"]
    if place.parts[0] == "backends":
        found["gradients of nodes"] = ["tests/parity/test_node_gradients.py", "-k", f"{place.parts[1]} and not tiny"]
    if file.startswith(COMPUTED):
        preset = next((preset for word, preset in PRESETS.items() if word in place.stem), "tiny_clip_vit")
        found["parity of a tiny preset"] = [
            "tests/parity/test_presets.py",
            "-k",
            f"test_engines_agree and {preset}-None",
        ]
    return found


def _names(test: Path, place: Path) -> bool:
    text = test.read_text(encoding="utf-8")
    module = ".".join(("tandemclip", *place.with_suffix("").parts))
    package, _, name = module.rpartition(".")
    several = rf"from {re.escape(package)} import (\([^)]*|.*)\b{name}\b"
    return module in text or re.search(several, text) is not None
