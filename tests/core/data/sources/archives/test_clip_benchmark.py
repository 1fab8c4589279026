"""CLIP_benchmark's WebDataset folders."""

import pickle

import pytest

from tandemclip.core.data.sources.archives.clip_benchmark import ClipBenchmark
from tandemclip.core.data.sources.prompts import imagenet_templates
from tandemclip.core.errors import UserError
from tandemclip.tests.core.data.conftest import jpeg
from tandemclip.tests.core.data.sources.archives.layouts import put


@pytest.fixture
def folder(tmp_path, write_tar):
    put(tmp_path, "classnames.txt", "lymph node\ntumor tissue\n")
    put(tmp_path, "zeroshot_classification_templates.txt", "this is a photo of {c}\na {c}.\n\n")
    put(tmp_path, "test/nshards.txt", "2\n")
    for shard in range(2):
        members = {}
        for number in range(2):
            members[f"s{shard}{number}.cls"] = b"%d" % (shard ^ number)
            members[f"s{shard}{number}.jpg"] = jpeg(number)
        write_tar(tmp_path / "test" / f"{shard}.tar", members)
    return tmp_path


def test_classes_names_and_prompts_are_the_folder_s(folder):
    source = pickle.loads(pickle.dumps(ClipBenchmark(str(folder))))
    assert source.labels().tolist() == [source[n].label for n in range(len(source))] == [0, 1, 1, 0]
    assert source.class_names == source.listed_classes == ("lymph node", "tumor tissue")
    assert source.prompts["class"][1] == ["this is a photo of tumor tissue", "a tumor tissue."]
    assert source[0].image == jpeg(0) and source[0].captions == tuple(source.prompts["class"][0])
    (account,) = source.account()
    assert account.read == account.all == 8 and source.identity()["names"].count == 4


def test_other_prompts_can_be_given(folder):
    (folder / "zeroshot_classification_templates.txt").unlink()
    source = ClipBenchmark(str(folder), templates="imagenet")
    assert len(source.prompts["class"][0]) == len(imagenet_templates()) == 80
    with pytest.raises(UserError, match="zeroshot_classification_templates.txt cannot be read"):
        _ = ClipBenchmark(str(folder)).prompts


def test_other_prompts_of_the_folder_are_other_data(folder):
    before = ClipBenchmark(str(folder)).identity()
    given = ClipBenchmark(str(folder), templates="imagenet").identity()
    put(folder, "zeroshot_classification_templates.txt", "a slide of {c}.\n")
    after = ClipBenchmark(str(folder)).identity()
    assert [part for part in before if before[part].sha256 != after[part].sha256] == ["templates"]
    assert ClipBenchmark(str(folder), templates="imagenet").identity() == given


@pytest.mark.parametrize(
    "file, content, words",
    [
        ("test/1.tar", None, "test has 1 tar files, and its nshards.txt says '2'; fetch the folder again"),
        ("test/nshards.txt", b"3", "test has 2 tar files, and its nshards.txt says '3'"),
        ("test/nshards.txt", b"\xff", "nshards.txt cannot be read .line 1 is not UTF-8"),
        ("zeroshot_classification_templates.txt", b"a {label}.", "txt: the template .a {label}.. has no place"),
    ],
)
def test_what_does_not_fit_together_is_told(folder, file, content, words):
    (folder / file).unlink() if content is None else (folder / file).write_bytes(content)
    with pytest.raises(UserError, match=f"^clip_benchmark: .*{words}"):
        len(ClipBenchmark(str(folder)))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_template_ends_where_its_line_does(folder, end):
    put(folder, "zeroshot_classification_templates.txt", end.join(["a\u2028{c}.", "the {c}.", ""]))
    assert ClipBenchmark(str(folder)).prompts["class"][0] == ["a\u2028lymph node.", "the lymph node."]


def test_a_folder_of_captions_has_no_classes(tmp_path, write_tar):
    write_tar(tmp_path / "test" / "0.tar", {"0.jpg": jpeg(0), "0.txt": b"a dog\na cat"})
    source = ClipBenchmark(str(tmp_path))
    assert source[0].captions == ("a dog", "a cat") and not source.prompts and not source.class_names


def test_a_split_that_is_not_there_is_told(folder):
    with pytest.raises(UserError, match="train"):
        len(ClipBenchmark(str(folder), split="train"))
