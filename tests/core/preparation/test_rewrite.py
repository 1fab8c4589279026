"""Shards into shards: nothing is lost, doubled or mixed, wherever the work was stopped."""

import io
import tarfile

import pytest

from tandemclip.core.data.sources.shard_writer import write_shard
from tandemclip.core.errors import UserError
from tandemclip.core.preparation.rewrite import rewrite, samples

JOB = {"command": "test"}


@pytest.fixture
def patterns(tmp_path):
    """Three shards of four samples, one of them with members in another order."""
    for shard in range(3):
        content = [
            (f"{shard}/{i}", {"jpg": bytes([shard, i]), "json": b"{}", "meta.bin": b"x" * 600}) for i in range(4)
        ]
        write_shard(tmp_path / "in" / f"{shard}.tar", content)
    with tarfile.open(tmp_path / "in" / "3.tar", "w") as archive:
        for name in ("README", "a.json", "b.json", "b.JPG", "a.jpg"):
            info = tarfile.TarInfo(name)
            info.size = 2
            archive.addfile(info, io.BytesIO(b"{}"))
    return [str(tmp_path / "in" / "*.tar")]


def marked(samples, told):
    for key, contents in samples:
        told.counts["marked"] += 1
        if key.endswith("/1"):
            told.passed_over.add("it is a second one", key)
        yield key, {**contents, "txt": key.encode()}


def content(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.tar")}


def test_everything_else_is_copied(patterns, tmp_path):
    assert rewrite(patterns, tmp_path / "out", JOB, marked).counts == {"samples": 14, "marked": 14}
    for shard in range(3):
        before, after = (list(samples(tmp_path / folder / f"{shard}.tar")) for folder in ("in", "out"))
        assert after == [(key, {**members, "txt": key.encode()}) for key, members in before] and len(after) == 4
    assert dict(samples(tmp_path / "out" / "3.tar")) == {
        "a": {"json": b"{}", "jpg": b"{}", "txt": b"a"}, "b": {"json": b"{}", "jpg": b"{}", "txt": b"b"}
    }  # fmt: skip


def test_what_is_passed_over_is_counted_and_named(patterns, tmp_path):
    """The same for shards that were made before. A member of no key is lost, one that training does not read is not."""
    for _ in range(2):
        members, of_samples = rewrite(patterns, tmp_path / "out", JOB, marked).accounts
        assert list(members.lines()) == [
            f"{patterns[0]}: 40 of 41 members of tar files read",
            "  passed over, its name has no ending, or begins with a dot (1: 3.tar:README)",
        ]
        assert list(of_samples.lines()) == [
            "described: 11 of 14 samples read",
            "  passed over, it is a second one (3: 0/1, 1/1, 2/1)",
        ]
    written = sum(len(contents) for shard in "0123" for _, contents in samples(tmp_path / "out" / f"{shard}.tar"))
    assert written == 40 + 14  # a txt each


@pytest.mark.parametrize("stop", [0, 1, 5, 8, 13])
def test_it_goes_on_where_it_was_stopped(patterns, tmp_path, stop):
    rewrite(patterns, tmp_path / "whole", JOB, marked)
    seen = []

    def failing(samples, told):
        for sample in marked(samples, told):
            seen.append(sample[0])
            if len(seen) == stop + 1:
                raise KeyboardInterrupt
            yield sample

    with pytest.raises(KeyboardInterrupt):
        rewrite(patterns, tmp_path / "out", JOB, failing)
    assert set(content(tmp_path / "out").items()) <= set(content(tmp_path / "whole").items())
    assert rewrite(patterns, tmp_path / "out", JOB, failing).counts == {"samples": 14, "marked": 14}
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    assert len(seen) == 14 + stop % 4 + 1  # only the shard it was stopped in is done again


def test_done_shards_are_left_alone_and_missing_ones_made_again(patterns, tmp_path):
    rewrite(patterns, tmp_path / "out", JOB, marked)
    before = content(tmp_path / "out")
    assert rewrite(patterns, tmp_path / "out", JOB, None).counts == {"samples": 14, "marked": 14}
    (tmp_path / "out" / "1.tar").unlink()
    assert rewrite(patterns, tmp_path / "out", JOB, marked).counts == {"samples": 14, "marked": 14}
    assert content(tmp_path / "out") == before


def test_what_would_mix_or_overwrite_is_refused(patterns, tmp_path):
    before = content(tmp_path / "in")
    with pytest.raises(UserError, match="where the shards lie"):
        rewrite(patterns, tmp_path / "in" / ".." / "in", JOB, marked)
    assert content(tmp_path / "in") == before
    write_shard(tmp_path / "other" / "0.tar", [])
    with pytest.raises(UserError, match="several shards called 0.tar"):
        rewrite([*patterns, str(tmp_path / "other" / "0.tar")], tmp_path / "out", JOB, marked)
    with pytest.raises(UserError, match="not made by this command"):
        rewrite(patterns, tmp_path / "other", JOB, marked)
    rewrite(patterns, tmp_path / "out", JOB, marked)
    with pytest.raises(UserError, match='made with command "test", and this is "another"'):
        rewrite(patterns, tmp_path / "out", {"command": "another"}, marked)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file"):
        rewrite(patterns, tmp_path / "file" / "out", JOB, marked)


def test_a_shard_cut_short_stops_the_work_by_name(patterns, tmp_path):
    path = tmp_path / "in" / "1.tar"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(UserError, match="1.tar .*cut short"):
        rewrite(patterns, tmp_path / "out", JOB, marked)
    assert not (tmp_path / "out" / "1.tar").exists()
