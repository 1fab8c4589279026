"""From data with broken records to a run: `tools/prepare.py check`, then `data.bad_records`."""

import json
import logging

import cv2
import numpy as np
import pytest

from tandemclip.core.data.sources.shard_writer import write_shard
from tandemclip.core.training import checkpoint, journal
from tandemclip.tools import prepare, train

BROKEN = range(3, 120, 10)  # 12: one too many


@pytest.fixture
def data(root, tmp_path):
    """The arguments that name 120 photos, a tenth of them no image."""
    pixels = np.random.default_rng(0).integers(0, 255, (40, 48, 3), np.uint8)
    image = cv2.imencode(".jpg", pixels)[1].tobytes()
    samples = []
    for n in range(120):  # captions of 22 words, so that none is unknown
        facts = {"caption": f"photo{n // 10} of{n % 10}"}
        samples.append((f"{n:03d}", {"jpg": image[:-99] if n in BROKEN else image, "json": json.dumps(facts).encode()}))
    write_shard(tmp_path / "photos.tar", samples)
    config = str(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")
    source = f"data.train={{type: shards, paths: {tmp_path}/photos.tar}}"
    return ["--config", config, "--set", source, "data.evaluate=null", "training.steps=30", "training.warmup=1"]


def test_a_run_that_broken_records_stopped_goes_on_with_the_list(data, tmp_path, capsys, caplog):
    run, report = tmp_path / "run", tmp_path / "check"
    assert train.main([*data, "training.checkpoint_every=2", "--out", str(run)]) == 2
    error = capsys.readouterr().err
    assert "broken, more than 10 and more than 0.1%" in error and error.count("photos.tar:") >= 11
    reached = checkpoint.load(checkpoint.latest(run)).step
    assert 0 < reached < 30

    assert prepare.main(["check", *data, "--out", str(report)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == f"train with --set data.bad_records={report}/bad_records.txt"
    assert printed[-2] == f"and 2 more, see {report}/bad_records.txt" and "photos.tar:003: " in printed[-12]
    assert [entry["number"] for entry in json.loads((report / "check.json").read_text())["bad"]] == list(BROKEN)

    caplog.clear()
    known = ["--set", "training.checkpoint_every=2", f"data.bad_records={report}/bad_records.txt"]
    with caplog.at_level(logging.WARNING):
        assert train.main([*data, "--out", str(run), "--resume", *known]) == 0
    assert "broken record" not in caplog.text
    assert train.main([*data, "--out", str(tmp_path / "whole"), *known]) == 0
    losses = [[row["loss"] for row in journal.read(out)] for out in (run, tmp_path / "whole")]
    assert losses[0] == losses[1] and len(losses[0]) == 30


def test_what_reads_no_texts_is_checked_too(root, tmp_path, capsys):
    config = root / "configs" / "pretrain" / "tiny_cross_entropy_resnet.yaml"
    assert prepare.main(["check", "--config", str(config), "--out", str(tmp_path), "--set", "data.train.count=40"]) == 0
    report, printed = json.loads((tmp_path / "check.json").read_text()), capsys.readouterr().out
    assert "captions" not in report and sum(report["labels"]["records"].values()) < 40
    assert "captions" not in printed and "nothing stands in the way" in printed


@pytest.mark.parametrize("name, option, told", [
    ("tiny_clip_vit", "pairs", "set method.targets=texts, or use"),
    ("tiny_clip_vit", "texts", None),
    ("tiny_multi_task_swin", None, "are equal: use more varied captions"),
    ("tiny_unicl_swin", None, None),
])  # fmt: skip
def test_equal_captions_are_bad_where_they_are_negatives(root, tmp_path, capsys, name, option, told):
    config = root / "configs" / "pretrain" / f"{name}.yaml"
    more = ["data.train.digits=1", "data.train.count=200", *([f"method.targets={option}"] if option else [])]
    assert prepare.main(["check", "--config", str(config), "--out", str(tmp_path), "--set", *more]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert told in last if told else "captions" not in last


def test_a_list_of_other_data_stops_before_anything_is_written(data, tmp_path, capsys):
    (tmp_path / "list.txt").write_text("# bad of 119 records: number, key, why\n")
    assert train.main([*data, f"data.bad_records={tmp_path}/list.txt", "--out", str(tmp_path / "run")]) == 2
    assert (
        "is of 119 records, and data.train has 120; write it again with `tandemclip prepare check`"
        in capsys.readouterr().err
    )
    assert not (tmp_path / "run").exists()


def test_help_teaches(capsys):
    with pytest.raises(SystemExit):
        prepare.main(["check", "--help"])
    assert "tandemclip prepare check --config flickr8k" in capsys.readouterr().out
