"""Weights & Biases and MLflow by their own packages, without a network. Skipped where they are not installed."""

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

from tandemclip.core.errors import UserError
from tandemclip.core.training.reporting.follower import Follower
from tandemclip.core.training.reporting.known import KNOWN, chosen
from tandemclip.core.training.reporting.mlflow_run import _allowed
from tandemclip.core.training.reporting.reporter import Begun

ROWS = {1: {"loss": 2.0, "i2t/R@1": 12.5}, 2: {"loss": 1.0, "i2t/R@1": 25.0}}
CONFIG = {"method": {"type": "clip", "alpha": 0.25}, "training": {"groups": [1, 2], "floor": None}, "long": "x" * 900}


def installed(name):
    return pytest.mark.skipif(find_spec(name) is None, reason=f"{name} is not installed: pip install {name}")


def report(name, run, resume_step, steps, config=CONFIG):
    """As a journal does, and nothing fails."""
    said = []
    follower = Follower(KNOWN[name], Begun(run, config, resume_step), said.append)
    for step in steps:
        follower.add(step, ROWS[step])
    follower.close()
    assert said == []


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_what_is_not_installed_is_one_sentence(name):
    if find_spec(name) is None:
        with pytest.raises(UserError, match=f"needs the package {name}, which is not installed: pip install '{name}>="):
            chosen([name])
    else:
        assert chosen([name, name]) == (KNOWN[name],)


def test_nothing_is_imported_of_them_where_nobody_asks():
    code = "import sys, tandemclip.core.training.trainer, tandemclip.core.training.reporting.known\n"
    code += "print({'wandb', 'mlflow'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def test_names_are_as_mlflow_allows():
    assert _allowed("i2t/R@1") == "i2t/R_1" and _allowed("terms/a b-c.d_9") == "terms/a b-c.d_9"


def wandb_records(path):
    """What an offline run has written: after 7 bytes, records in the log format of LevelDB, each a protobuf.

    Blocks of 32 KB hold pieces: checksum (4 bytes), length (2), kind (1: whole, 2 to 4: first, middle, last).
    """
    from wandb.proto import wandb_internal_pb2

    data, place, pieces = path.read_bytes(), 7, []
    while place + 7 <= len(data):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        pieces.append(data[place + 7 : place + 7 + length])
        place += 7 + length
        if kind in (1, 4):
            yield wandb_internal_pb2.Record.FromString(b"".join(pieces))
            pieces = []


@installed("wandb")
def test_wandb_has_every_row_and_the_configuration(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    run = tmp_path / "my_run"
    run.mkdir()
    report("wandb", run, None, [1])
    report("wandb", run, 1, [2])
    name = json.loads((run / "wandb.json").read_text())["id"]
    runs, found = [], []
    for path in sorted((run / "wandb").glob("offline-run-*/*.wandb")):
        assert path.stem == f"run-{name}"
        for record in wandb_records(path):
            if record.HasField("run"):
                runs.append(record.run)
            if record.HasField("history"):
                items = {"/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
                found.append({key: value for key, value in items.items() if not key.startswith("_")})
    assert found == [{"step": step, **row} for step, row in ROWS.items()] and len(runs) == 2
    for told in runs:
        assert (told.project, told.display_name, told.run_id) == ("tandemclip", "my_run", name)
        written = {item.key: json.loads(item.value_json) for item in told.config.update}
        assert all(written[key] == value for key, value in CONFIG.items())


@installed("mlflow")
def test_mlflow_has_every_row_and_the_configuration(tmp_path, monkeypatch):
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    run = tmp_path / "my_run"
    run.mkdir()
    report("mlflow", run, None, [1])
    report("mlflow", run, 1, [2], {**CONFIG, "method": {"type": "clip", "alpha": 0.5}})  # --resume has changed it
    client, name = MlflowClient(), json.loads((run / "mlflow.json").read_text())["id"]
    experiment = client.get_experiment_by_name("tandemclip")
    (kept,) = client.search_runs([experiment.experiment_id])
    assert kept.info.run_id == name and kept.info.run_name == "my_run" and kept.info.status == "FINISHED"
    for tag in ("loss", "i2t/R@1"):
        history = client.get_metric_history(name, tag.replace("@", "_"))
        assert [(each.step, each.value) for each in history] == [(step, row[tag]) for step, row in ROWS.items()]
    assert kept.data.params["method.alpha"] == "0.25" and kept.data.params["training.floor"] == "None"
    assert kept.data.params["long"] == "x" * 500
    files = [each.path for each in client.list_artifacts(name, "config")]
    assert files == ["config/from_step_0.yaml", "config/from_step_1.yaml"]
