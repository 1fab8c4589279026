"""`tools/bench.py` for real, on tiny configurations. No figure is asserted: machines differ."""

import re
import socket
import tempfile

import pytest

from tandemclip import backends
from tandemclip.core.console import command_line
from tandemclip.core.training.config import read
from tandemclip.tools import bench


@pytest.fixture
def tiny(root):
    return [
        "--config",
        str(root / "configs" / "pretrain" / "tiny_clip_vit.yaml"),
        "--steps",
        "2",
        "--set",
        "data.train.count=40",
    ]


@pytest.fixture(autouse=True)
def fresh():
    bench._engines.cache_clear()


def test_some_sections_and_a_file(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(backends, "names", lambda: ["torch"])
    file = tmp_path / "bench.md"
    missing = ["--reference", str(tmp_path / "missing.py"), "--reference-data", str(tmp_path)]
    paths = ["--set", f"data.bad_records={tmp_path / 'bad.txt'}"]
    sections = ["--sections", "reference", "steps", "operators"]
    assert bench.main([*tiny, *paths, *sections, *missing, "--markdown", str(file)]) == 0
    told, written = capsys.readouterr().out, file.read_text()
    assert re.findall("^## (.*)$", written, re.M) == [
        "A training step",
        "Beside a reference",
        "What costs the slower engine",
    ]
    assert "left out: there is no script" in told and "left out: there is no script" in written
    assert re.search(r"^\| torch \| [\d.]+ s \| \d+ ms \| [\d.]+ \| 1\.00 \| [\d.]+ \| \d+% \|$", written, re.M)
    assert "`tiny_clip_vit.yaml` `data.train.count=40` `data.bad_records=...`, batch 8, fp32." in written
    assert "load average" in written and "OMP_NUM_THREADS" in written
    for private in (socket.gethostname(), str(tmp_path), "configs/"):
        assert private not in written


def test_a_step_beside_another(tiny, root, tmp_path, monkeypatch):
    monkeypatch.setattr(backends, "names", lambda: ["torch"])
    other, file = root / "configs" / "pretrain" / "tiny_clip_rn.yaml", tmp_path / "bench.md"
    assert bench.main([*tiny, "--sections", "configurations", "--others", str(other), "--markdown", str(file)]) == 0
    written = file.read_text()
    vit, rn = (
        re.search(rf"^\| torch \| tiny_clip_{name} \| \d+ ms \| (.*) \| 0\.0% \| [\d.]+% \| - \|$", written, re.M)[1]
        for name in ("vit", "rn")
    )
    assert vit == "1.00 [1.00, 1.00] | 1.00 [1.00, 1.00] | 1.00 | 1.00"
    assert re.search(r"^Computed on: torch \S+", written, re.M)
    work = re.fullmatch(r"(?:[\d.]+ \[[\d.]+, [\d.]+\] \| ){2}([\d.]+) \| [\d.]+", rn)[1]
    counts = [
        bench._flops(read(path, command_line.parse_overrides(["data.train.count=40"]))[0])["torch"]
        for path in (tiny[1], other)
    ]
    assert work == f"{counts[1] / counts[0]:.2f}"


def test_configurations_of_one_name_are_refused(tiny, tmp_path, capsys):
    (tmp_path / "tiny_clip_vit.yaml").write_text(f"base: {tiny[1]}")
    assert bench.main([*tiny, "--sections", "configurations", "--others", str(tmp_path / "tiny_clip_vit.yaml")]) == 2
    assert "two of the configurations are called alike" in capsys.readouterr().err


def test_image_towers_beside_each_other(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(backends, "names", lambda: ["torch"])
    monkeypatch.setattr(bench, "IMAGE_TOWERS", ("LightCLIP-MobileNet-V2", "ViT-B/32"))
    monkeypatch.setattr(bench, "USUAL", ("ViT-B/32",))
    monkeypatch.setattr(bench, "IMAGES", 1)
    assert bench.main([*tiny, "--sections", "towers", "--markdown", str(tmp_path / "bench.md")]) == 0
    row = r"^\| LightCLIP-MobileNet-V2 \| 2\.45 M \| 0\.58 \| [\d.]+ \| [\d.]+ \[[\d.]+, [\d.]+\] \|$"
    assert re.search(row, (tmp_path / "bench.md").read_text(), re.M)


def test_an_engine_that_is_not_installed_is_left_out(tiny, monkeypatch, capsys):
    monkeypatch.setattr(backends, "names", lambda: ["torch", "tensorflow"])
    monkeypatch.setattr(bench, "SECTIONS", {"steps": bench._steps})
    real = backends.load

    def load(name):
        return real(name) if name == "torch" else real("no_such_engine")

    monkeypatch.setattr(backends, "load", load)
    assert bench.main(tiny) == 0
    assert "tensorflow is left out: no backend" in capsys.readouterr().out


def test_a_probe_of_features_in_a_file(tiny, tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    given = ["--sections", "probe", "--probe-rows", "2001", "--markdown", str(tmp_path / "bench.md")]
    assert bench.main([*tiny, *given]) == 0
    row = r"^\| 2,001 x 1,024 \| 0\.01 \| [\d.]+ \| 0\.\d+ \|$"
    assert re.search(row, (tmp_path / "bench.md").read_text(), re.M)
    assert not [*(tmp_path / "temporary").iterdir()]


@pytest.mark.slow
def test_all_sections(tiny, tmp_path):
    assert (
        bench.main(
            [*tiny, "--markdown", str(tmp_path / "bench.md"), "--sections", "steps", "start", "data", "operators"]
        )
        == 0
    )
    written = (tmp_path / "bench.md").read_text()
    engine = r"mindspore \| [\d.]+ s \| \d+"
    for row in (rf"{engine} ms", rf"{engine} MiB", r"0 \| \d+", r"1 \| \d+", r"all \d+ \| \d+"):
        assert re.search(rf"^\| {row}", written, re.M), row


@pytest.mark.slow
def test_beside_the_reference(root, shared, tmp_path, monkeypatch):
    """Our Flickr8k configuration on the photos that the script gets: two steps."""
    script = tmp_path / "reference.py"
    script.write_text("print('{\"views_per_second\": 1}')")
    monkeypatch.setattr(backends, "names", lambda: ["torch"])
    given = [
        "--sections",
        "reference",
        "--reference",
        script,
        "--reference-data",
        shared / "data" / "flickr8k_entities",
    ]
    more = ["--views", 256, "--rounds", 1, "--towers", "vit", "--markdown", tmp_path / "bench.md"]
    assert bench.main([*map(str, [*given, *more])]) == 0
    assert re.search(r"^\| vit \| 1\.0 \| [\d.]+ \| [\d.]+ \[", (tmp_path / "bench.md").read_text(), re.M)
