import pytest

from tandemclip.core.data.loading import bad_records
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.sources.captions_table import CaptionsTable
from tandemclip.core.data.sources.shards import Shards
from tandemclip.core.errors import UserError


@pytest.fixture
def photos(tmp_path, write_shards):
    return Shards(write_shards(tmp_path / "data", count=30, per_shard=10, broken={4, 25}))


def entries(source, *numbers):
    return [(number, f"{source._shards[number // 10].path}:{number:06d}", "torn\tin\ntwo") for number in numbers]


def test_what_was_written_is_read(tmp_path, photos):
    path = tmp_path / "list.txt"
    bad_records.write(path, 30, entries(photos, 25, 4, 11))  # 11 can be read: a person may leave out what they like
    assert bad_records.read(str(path), photos) == {4, 11, 25}
    assert [line.split("\t")[0] for line in path.read_text().splitlines()[1:]] == ["4", "11", "25"]
    assert "\ttorn in two\n" in path.read_text()
    bad_records.write(path, 30, [])
    assert bad_records.read(str(path), photos) == bad_records.read(None, photos) == frozenset()


def test_a_list_holds_no_sign_that_steers_a_terminal_and_older_ones_did(tmp_path):
    """Names may hold anything but a slash and a zero byte."""
    (tmp_path / "t.csv").write_bytes(b'path,caption\na.jpg,x\nb.jpg,x\n"\x1b[31m\ne\t.jpg",x\n')
    path, source = tmp_path / "list.txt", CaptionsTable(str(tmp_path / "t.csv"))
    for key in (source._rows[2][0], "\x1b[31m e .jpg"):
        bad_records.write(path, 3, [(2, key, "gone")])
        assert path.read_bytes().split(b"\n")[1] == b"2\t\\x1b[31m e .jpg\tgone"
        assert bad_records.read(str(path), source) == {2}
    path.write_bytes(b"# bad of 3 records: number, key, why\n2\t\x1b[31m e .jpg\tgone\n")
    assert bad_records.read(str(path), source) == {2}


def test_the_list_may_move_with_the_data(tmp_path, photos, write_shards):
    path = tmp_path / "list.txt"
    bad_records.write(path, 30, entries(photos, 4, 25))
    moved = Shards(write_shards(tmp_path / "elsewhere", count=30, per_shard=10, broken={4, 25}))
    assert bad_records.read(str(path), moved) == {4, 25}


@pytest.mark.parametrize(
    "other, words",
    [
        (
            lambda folder, write: Shards(write(folder, count=31, per_shard=10)),
            "is of 30 records, and data.train has 31",
        ),
        (
            lambda folder, write: Shards(write(folder, count=30, per_shard=15)),
            "as record 11, and in data.train that is",
        ),
        (lambda folder, write: Scenes(count=30), "0001.tar:000011 as record 11.*that is scenes/train/0/000011"),
    ],
)
def test_a_list_of_other_data_is_refused(tmp_path, photos, write_shards, other, words):
    path = tmp_path / "list.txt"
    bad_records.write(path, 30, entries(photos, 11))
    with pytest.raises(UserError, match=f"list.txt.*{words}.*tandemclip prepare check"):
        bad_records.read(str(path), other(tmp_path / "other", write_shards))


def test_in_a_long_list_some_keys_are_looked_at(tmp_path):
    path = tmp_path / "list.txt"
    bad = [(number, f"scenes/train/1/{number:06d}", "") for number in range(1000)]
    bad_records.write(path, 3000, bad)
    assert len(bad_records.read(str(path), Scenes(count=3000, size=16))) == 1000
    bad_records.write(path, 3000, [(number, f"{key}x", "") for number, key, _ in bad])
    with pytest.raises(UserError, match="as record 0"):
        bad_records.read(str(path), Scenes(count=3000, size=16))


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "is no list of bad records"),
        ("7\tx.tar:7\twhy\n", "is no list of bad records"),
        ("# bad of 30 records\nx.tar:7 why\n", "is no list of bad records"),
        (
            "# bad of 30 records\n" + "".join(f"{n}\tk\tw\n" for n in range(16)),
            "lists 16 of 30 records, more than half",
        ),
        ("# bad of 30 records\n30\tx.tar:000030\twhy\n", "as record 30, and in data.train that is none"),
    ],
)
def test_a_list_that_cannot_be_used_is_named(tmp_path, photos, text, words):
    path = tmp_path / "list.txt"
    path.write_text(text)
    with pytest.raises(UserError, match=words):
        bad_records.read(str(path), photos)


def test_a_missing_list_is_named(photos):
    with pytest.raises(UserError, match="nowhere.txt cannot be read.*No such file"):
        bad_records.read("nowhere.txt", photos)
