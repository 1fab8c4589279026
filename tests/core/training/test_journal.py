"""Each step stands once in the journal, and TensorBoard shows the same numbers."""

import os
import resource
import subprocess
import sys

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tandemclip.core.errors import UserError
from tandemclip.core.training.journal import Journal, evaluations, read


def row(step, loss=None):
    return {
        "step": step,
        "loss": 1.0 / step if loss is None else loss,
        "terms": {"image": np.float32(0.5), "text": 0.25},
        "gradient_norm": np.float64(3.0),
        "logit_scale": np.array(2.5, np.float32),
    }


def scalars(run, tag):
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(tag)]


def write(run, steps, resume_step=None, loss=None):
    with Journal(run, resume_step) as journal:
        for step in steps:
            journal.append(row(step, loss))


def test_rows_come_back(tmp_path):
    write(tmp_path / "run", range(1, 4))
    rows = read(tmp_path / "run")
    assert [found["step"] for found in rows] == [1, 2, 3]
    assert rows[2] == {
        "step": 3,
        "loss": 1 / 3,  # exactly: JSON holds every digit of a float64
        "terms": {"image": 0.5, "text": 0.25},
        "gradient_norm": 3.0,
        "logit_scale": 2.5,
    }


def test_no_journal_has_no_rows(tmp_path):
    assert read(tmp_path) == []


def test_a_row_is_there_before_the_journal_is_closed(tmp_path):
    journal = Journal(tmp_path)
    journal.append(row(1))
    assert len(read(tmp_path)) == 1 and scalars(tmp_path, "loss") == [(1, 1.0)]
    journal.close()


def test_tensorboard_mirrors_every_number(tmp_path):
    write(tmp_path, [1, 2])
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    tags = ["gradient_norm", "logit_scale/exp", "logit_scale/log", "loss", "terms/image", "terms/text"]
    assert sorted(events.Tags()["scalars"]) == tags
    assert scalars(tmp_path, "loss") == [(1, 1.0), (2, 0.5)]
    assert scalars(tmp_path, "terms/text") == [(1, 0.25), (2, 0.25)]


def test_resuming_leaves_each_step_once(tmp_path):
    write(tmp_path, range(1, 8), loss=1.0)
    write(tmp_path, range(5, 10), resume_step=4, loss=2.0)
    expected = [(step, 1.0 if step <= 4 else 2.0) for step in range(1, 10)]
    assert [(found["step"], found["loss"]) for found in read(tmp_path)] == expected
    assert scalars(tmp_path, "loss") == expected


def test_resuming_without_a_checkpoint_starts_over(tmp_path):
    write(tmp_path, range(1, 4), loss=1.0)
    write(tmp_path, range(1, 3), resume_step=0, loss=2.0)
    assert [(found["step"], found["loss"]) for found in read(tmp_path)] == [(1, 2.0), (2, 2.0)]
    assert scalars(tmp_path, "loss") == [(1, 2.0), (2, 2.0)]


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_torn_last_line(tmp_path, cut):
    write(tmp_path, range(1, 5))
    path = tmp_path / "journal.jsonl"
    path.write_bytes(path.read_bytes()[: -1 - cut])
    assert [found["step"] for found in read(tmp_path)] == [1, 2, 3]
    write(tmp_path, [4, 5], resume_step=4)  # the checkpoint of step 4 outlived its row
    assert [found["step"] for found in read(tmp_path)] == [1, 2, 3, 4, 5]


def test_last_line_without_its_newline_is_whole(tmp_path):
    write(tmp_path, range(1, 5))
    path = tmp_path / "journal.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    assert len(read(tmp_path)) == 4
    write(tmp_path, [5], resume_step=4)
    assert [found["step"] for found in read(tmp_path)] == [1, 2, 3, 4, 5]


def test_damage_elsewhere_is_named(tmp_path):
    write(tmp_path, range(1, 4))
    path = tmp_path / "journal.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0] + lines[1][:9] + "\n" + lines[2])
    with pytest.raises(UserError, match=r"journal\.jsonl line 2 is not JSON"):
        read(tmp_path)


def test_a_new_run_does_not_go_into_an_old_one(tmp_path):
    write(tmp_path, [1])
    with pytest.raises(UserError, match="--resume"):
        Journal(tmp_path)
    assert len(read(tmp_path)) == 1


def test_two_processes_do_not_train_in_one_folder(tmp_path):
    code = (
        "from tandemclip.core.training.journal import Journal\n"
        f"with Journal({str(tmp_path)!r}, 1) as journal: print('held')"
    )
    other = lambda: subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    with Journal(tmp_path) as journal:
        journal.append(row(1))
        journal.append(row(2))
        refused = other()
        assert refused.returncode and "another process trains in" in refused.stderr and len(read(tmp_path)) == 2
        journal.append(row(3))
    assert other().stdout == "held\n" and len(read(tmp_path)) == 1  # free again, and trimmed to the step it asked for


def test_a_journal_that_cannot_be_opened_holds_nothing(tmp_path):
    (tmp_path / "journal.jsonl").mkdir()
    with pytest.raises(UserError, match="could not be written"):
        Journal(tmp_path, 0)
    (tmp_path / "journal.jsonl").rmdir()
    write(tmp_path, [1])
    assert len(read(tmp_path)) == 1


def test_a_tensorboard_that_cannot_be_written_stops_no_run(tmp_path, capsys):
    (tmp_path / "tensorboard").write_text("no folder")
    write(tmp_path, [1, 2])
    assert len(read(tmp_path)) == 2
    started, lacks = capsys.readouterr().err.splitlines()
    assert started.startswith("TensorBoard cannot be started (FileExistsError: ")
    assert lacks == "TensorBoard lacks 2 of 2 reports; journal.jsonl has them all"


# ------------------------------------------------------------------ evaluations
def with_evaluations(run, steps):
    with Journal(run) as journal:
        for step in range(1, max(steps) + 1):
            journal.append(row(step) | ({"evaluation": {"a": float(step)}} if step in steps else {}))


def test_evaluations_are_found_up_to_a_step(tmp_path):
    assert evaluations(tmp_path, 9) == []
    with_evaluations(tmp_path, {2, 5, 6})
    assert evaluations(tmp_path, 5) == [(2, {"a": 2.0}), (5, {"a": 5.0})]
    path = tmp_path / "journal.jsonl"
    path.write_bytes(path.read_bytes()[:-1])  # a last line that was never finished
    assert evaluations(tmp_path, 6) == [(2, {"a": 2.0}), (5, {"a": 5.0})]


def test_what_means_nothing_is_null_as_json_knows_no_nan(tmp_path):
    with Journal(tmp_path) as journal:
        journal.append({"step": 1, "evaluation": {"a": np.float64("nan"), "b": 50.0}})
        journal.append({"step": 2, "gradient_norm": float("inf")})
        journal.amend({"step": 2, "evaluation": {"a": float("nan")}})
    first, second = (tmp_path / "journal.jsonl").read_text().splitlines()
    assert first == '{"step": 1, "evaluation": {"a": null, "b": 50.0}}'
    assert second == '{"step": 2, "gradient_norm": null, "evaluation": {"a": null}}'
    (one, kept), (two, alone) = evaluations(tmp_path, 2)
    assert (one, two) == (1, 2) and np.isnan(kept.pop("a")) and kept == {"b": 50.0} and np.isnan(alone["a"])


@pytest.mark.parametrize("rows", [1, 3])
def test_the_last_row_is_amended(tmp_path, rows):
    """By the journal that wrote it and by one of a run that goes on; TensorBoard gets what is new."""
    before = [row(step) for step in range(1, rows + 1)]
    write(tmp_path, range(1, rows + 1))
    expected = read(tmp_path)
    with Journal(tmp_path, rows) as journal:
        journal.amend({"step": rows, "evaluation": {"a": 25.0}})
        journal.append(row(rows + 1))
        journal.amend({"step": rows + 1, "evaluation": {"a": np.float64(50.0)}})
    found = read(tmp_path)
    assert found[: rows - 1] == expected[:-1] and len(found) == rows + 1 and len(before) == rows
    assert found[rows - 1] == expected[-1] | {"evaluation": {"a": 25.0}}
    assert evaluations(tmp_path, rows + 1) == [(rows, {"a": 25.0}), (rows + 1, {"a": 50.0})]
    assert scalars(tmp_path, "evaluation/a")[-1] == (rows + 1, 50.0)


@pytest.mark.parametrize("more", [{"step": 1, "evaluation": {"a": 25.0}}, {"step": 3, "loss": 1.0}, {"step": 2}])
def test_no_other_row_is_amended_and_none_by_nothing(tmp_path, more):
    write(tmp_path, [1, 2])
    before = (tmp_path / "journal.jsonl").read_bytes()
    with Journal(tmp_path, 2) as journal:
        journal.amend(more)
    assert (tmp_path / "journal.jsonl").read_bytes() == before


def test_an_empty_journal_is_not_amended(tmp_path):
    with Journal(tmp_path) as journal:
        journal.amend({"step": 0, "evaluation": {"a": 25.0}})
    assert read(tmp_path) == []


def test_an_amendment_that_is_cut_short_is_a_row_that_was_never_finished(tmp_path):
    """The kernel takes only so many bytes of it, as from a program that is killed there."""
    write(tmp_path, [1, 2])
    path, first = tmp_path / "journal.jsonl", read(tmp_path)[0]
    before = path.read_bytes()
    for more in (-1, 0, 1, 20):
        path.write_bytes(before)
        child = os.fork()
        if child == 0:
            with Journal(tmp_path, 2) as journal:
                resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + more, len(before) + more))
                try:
                    journal.amend({"step": 2, "evaluation": {"a": 25.0}})
                except UserError:
                    os._exit(9)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        assert path.stat().st_size == len(before) + more and read(tmp_path) == [first]


def test_a_full_disk_is_told(tmp_path):
    (tmp_path / "journal.jsonl").symlink_to("/dev/full")
    with pytest.raises(UserError, match="the journal of .* could not be written .No space left.*--resume"):
        with Journal(tmp_path) as journal:
            journal.append(row(1))


def test_what_is_no_number_is_refused(tmp_path):
    with Journal(tmp_path) as journal, pytest.raises(TypeError, match="ndarray"):
        journal.append({"step": 1, "loss": np.zeros(3)})
    assert read(tmp_path) == []


def test_no_engine_is_loaded(tmp_path):
    code = (
        "import sys; from tandemclip.core.training.journal import Journal\n"
        f"with Journal({str(tmp_path)!r}) as journal: journal.append({{'step': 1, 'loss': 0.5}})\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'torch', 'tensorflow', 'mindspore'}))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
