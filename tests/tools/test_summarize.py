"""`tools/summarize.py` for real: what it prints."""

import re

import pytest

from tandemclip.tools import summarize


def printed(root, capsys, name, *overrides):
    """({row: (parameters, MFLOPs in training, MFLOPs at inference)}, the lines behind the table)."""
    given = [part for text in overrides for part in ("--set", text)]
    assert summarize.main(["--config", str(root / "configs" / "pretrain" / f"{name}.yaml"), *given]) == 0
    text = capsys.readouterr().out
    rows = re.findall(r"^(\S.*?) +([\d,]+) +([\d,.]+) +([\d,.]+) *$", text, re.M)
    return {row: tuple(float(x.replace(",", "")) for x in figures) for row, *figures in rows}, text.splitlines()[-2:]


@pytest.mark.parametrize(
    "image, text, parameters",
    [
        ("LightCLIP-ResNet18", "LightCLIP-text-1024", 12_509_024),
        ("LightCLIP-MobileNet-V2", "LightCLIP-text-1024", 2_448_576),
        ("LightCLIP-Swin-Nano", "LightCLIP-text-512", 7_111_242),
    ],
)
def test_the_towers_of_lightclip(root, capsys, image, text, parameters):
    towers = f"method.image={{type: {image}}}", f"method.text={{type: {text}}}"
    rows, (training, inference) = printed(root, capsys, "clip_vitb32_yfcc15m_v2", *towers)
    assert rows["image, all"][0] == parameters
    for tower in ("image", "text"):
        own = [figures for row, figures in rows.items() if row.startswith(f"{tower}.")]
        assert {f"{tower}.stages.{i}" for i in range(4)} < rows.keys()
        assert sum(row[0] for row in own) == rows[f"{tower}, all"][0]
        for column in (1, 2):
            assert sum(row[column] for row in own) == pytest.approx(rows[f"{tower}, all"][column], abs=0.05)
    both = int(rows["image, all"][0] + rows["text, all"][0])
    assert training.startswith(f"training: {both + 1:,} parameters, ")  # logit_scale
    assert inference.startswith(f"inference: {both:,} parameters, ")
    assert training.split(", ", 1)[1].partition(" ")[2] == "FLOPs"


def test_what_only_training_needs_stands_apart(root, capsys):
    rows, lines = printed(root, capsys, "tiny_supcon_swin")
    assert list(rows)[-3:] == ["auxiliary.hidden", "auxiliary.output", "auxiliary, all"]
    assert rows["auxiliary, all"][0] == 24 * 25 + 25 * 16 and rows["auxiliary, all"][2] == 0
    image, auxiliary = rows["image, all"], rows["auxiliary, all"]
    assert image[1] == pytest.approx(2 * image[2], abs=0.02)  # two views, rounded
    found = [re.fullmatch(r"(\w+): ([\d,]+) parameters, ([\d,]+) FLOPs", line).groups() for line in lines]
    (training, *trained), (inference, *used) = found
    assert (training, inference) == ("training", "inference")
    parameters, flops = (int(text.replace(",", "")) for text in trained)
    assert parameters == image[0] + auxiliary[0] and flops == pytest.approx(1e6 * (image[1] + auxiliary[1]), abs=2e4)
    parameters, flops = (int(text.replace(",", "")) for text in used)
    assert parameters == image[0] and flops == pytest.approx(1e6 * image[2], abs=1e4)


def test_known_towers(root, capsys):
    """CLIP's ViT-B/32 is counted with 4.4 billion multiply-adds for the image and 2.9 for a text of 77 tokens."""
    rows, _ = printed(root, capsys, "clip_vitb32_yfcc15m_v2")
    assert rows["image, all"][1] / 2e3 == pytest.approx(4.4, abs=0.1)
    assert rows["text, all"][1] / 2e3 == pytest.approx(2.9, abs=0.1)
