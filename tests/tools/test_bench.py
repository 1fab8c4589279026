"""`tools/bench.py` for real, on tiny configurations. No figure is asserted: machines differ."""

import re
import socket

import pytest

from tandemclip import backends
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
    assert re.search(r"^\| torch \| tiny_clip_vit \| \d+ ms \| 1\.00 \[1\.00, 1\.00\] \|$", written, re.M)
    assert re.search(r"^\| torch \| tiny_clip_rn \| \d+ ms \| \d+\.\d+ \[", written, re.M)


def test_an_engine_that_is_not_installed_is_left_out(tiny, monkeypatch, capsys):
    monkeypatch.setattr(backends, "names", lambda: ["torch", "tensorflow"])
    monkeypatch.setattr(bench, "SECTIONS", {"steps": bench._steps})
    real = backends.load

    def load(name):
        return real(name) if name == "torch" else real("no_such_engine")

    monkeypatch.setattr(backends, "load", load)
    assert bench.main(tiny) == 0
    assert "tensorflow is left out: no backend" in capsys.readouterr().out


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
