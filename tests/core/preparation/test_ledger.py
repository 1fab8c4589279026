"""What is done of a long job."""

import pytest

from tandemclip.core.errors import UserError
from tandemclip.core.preparation.ledger import Ledger

JOB = {"source": {"type": "x", "paths": ("a", "b")}, "count": 3}


def test_a_restart_knows_what_was_done(tmp_path):
    path = tmp_path / "new" / "done.jsonl"
    ledger = Ledger(path, JOB)
    assert ledger.done == []
    ledger.add({"shard": "0"})
    ledger.add({"shard": "ü\udcff"})
    assert Ledger(path, JOB).done == ledger.done == [{"shard": "0"}, {"shard": "ü\udcff"}]


def test_a_line_torn_anywhere_is_taken_off_and_written_again(tmp_path):
    path = tmp_path / "done.jsonl"
    ledger = Ledger(path, JOB)
    ledger.add({"shard": "0"})
    before = path.read_bytes()
    ledger.add({"shard": "1"})
    whole = path.read_bytes()
    for length in range(len(before), len(whole)):
        path.write_bytes(whole[:length])
        again = Ledger(path, JOB)
        assert again.done == [{"shard": "0"}]
        again.add({"shard": "1"})
        assert path.read_bytes() == whole


def test_another_job_is_refused_and_changes_nothing(tmp_path):
    path = tmp_path / "out" / "done.jsonl"
    Ledger(path, JOB).add({"shard": "0"})
    before = path.read_bytes()
    for job, words in (
        ({**JOB, "count": 4}, "count 3, and this is 4"),
        ({**JOB, "seed": 1}, "seed null, and this is 1"),
    ):
        with pytest.raises(UserError, match=f"out holds what was made with {words}.*another --out"):
            Ledger(path, job)
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="cannot be written"):
        Ledger(tmp_path / "file" / "done.jsonl", JOB)
