import logging
import subprocess
import sys

import numpy as np
import pytest

from tandemclip.core.data import images
from tandemclip.core.data.loading.loader import batches, evaluation_batches
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.sources.order import index
from tandemclip.core.data.sources.shards import Shards
from tandemclip.core.data.tokenizers.clip import ClipTokenizer
from tandemclip.core.data.tokenizers.trained import TrainedTokenizer
from tandemclip.core.data.views.image import CentreView, ImageView
from tandemclip.core.data.views.label import LabelView
from tandemclip.core.data.views.rois import RoiView
from tandemclip.core.data.views.text import TextView
from tandemclip.core.errors import UserError

SCENES = Scenes(count=50, noise=0.3)
WORDS = TrainedTokenizer.train(SCENES.texts(50), 60)
VIEWS = {
    "image_global": ImageView(24, (0.9, 1.0)), "image_local": ImageView(24, (0.5, 1.0)),
    "text": TextView("caption", 12), "rois": RoiView(64, 3),
}  # fmt: skip
LABELS = {"label": LabelView()}


def collect(source, views, tokenizer=WORDS, **options):
    with batches(source, views, tokenizer, **options) as loader:
        return list(loader), loader.broken


def assert_equal(ours, theirs):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        assert a.keys() == b.keys()
        for name in a:
            np.testing.assert_array_equal(a[name], b[name], name)


@pytest.fixture(scope="module")
def whole():
    """Steps 0 to 11 of batches of 16: more than three epochs of 50 records."""
    return collect(SCENES, VIEWS, batch_size=16, seed=5, start_step=0, stop_step=12)[0]


def test_a_batch_is_its_records_in_the_runs_order(whole):
    assert [batch["image_global"].shape for batch in whole] == [(16, 3, 24, 24)] * 12
    for position in (0, 17, 49, 50, 191):
        record = SCENES[index(position, 50, 5)]
        row = {name: array[position % 16] for name, array in whole[position // 16].items()}
        np.testing.assert_array_equal(row["text"], WORDS(list(record.captions), 12)[0])
        np.testing.assert_array_equal(row["rois"], RoiView(64, 3)(record, None, None)[""])


@pytest.mark.parametrize("workers,start,stop", [(0, 0, 12), (0, 7, 12), (1, 3, 9), (2, 0, 12), (2, 5, 12)])
def test_any_number_of_workers_from_any_step_on_gives_the_same(whole, workers, start, stop):
    again, _ = collect(SCENES, VIEWS, batch_size=16, seed=5, start_step=start, stop_step=stop, workers=workers)
    assert_equal(again, whole[start:stop])


def test_ranks_share_the_batch(whole):
    shares = [
        collect(SCENES, VIEWS, batch_size=16, seed=5, start_step=2, stop_step=5, rank=rank, ranks=4)[0]
        for rank in range(4)
    ]
    joined = [{name: np.concatenate([share[name] for share in step]) for name in step[0]} for step in zip(*shares)]
    assert_equal(joined, whole[2:5])
    with pytest.raises(UserError, match="batch_size 16 cannot be divided among 3 ranks"):
        batches(SCENES, VIEWS, WORDS, batch_size=16, seed=5, start_step=0, stop_step=1, ranks=3)


def test_what_is_random_differs_by_seed_epoch_and_view(whole):
    other, _ = collect(SCENES, VIEWS, batch_size=16, seed=6, start_step=0, stop_step=1)
    assert not np.array_equal(other[0]["text"], whole[0]["text"])
    crops = {}
    for position in range(150):
        row = {name: array[position % 16] for name, array in whole[position // 16].items()}
        crops.setdefault(index(position, 50, 5), []).append(row["image_local"].tobytes())
    assert all(len(set(seen)) == 3 for seen in crops.values())  # three epochs, three crops of each picture
    twins, _ = collect(
        SCENES, {"a": VIEWS["image_local"], "b": VIEWS["image_local"]}, batch_size=16, seed=5, start_step=0, stop_step=1
    )
    assert not np.array_equal(twins[0]["a"], twins[0]["b"])


def test_leaving_a_view_out_changes_nothing_in_the_others(whole):
    some, _ = collect(SCENES, {"image_local": VIEWS["image_local"]}, batch_size=16, seed=5, start_step=0, stop_step=2)
    assert_equal(some, [{"image_local": batch["image_local"]} for batch in whole[:2]])


def test_no_steps_are_no_batches():
    assert collect(SCENES, LABELS, batch_size=4, seed=0, start_step=3, stop_step=3)[0] == []


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_may_be_left_early(workers):
    loader = batches(SCENES, LABELS, WORDS, batch_size=4, seed=0, start_step=0, stop_step=10_000, workers=workers)
    next(loader)
    loader.close()
    assert list(loader) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_record_is_named_counted_and_replaced(tmp_path, write_shards, caplog, workers):
    broken = {3, 40, 77}
    source = Shards(write_shards(tmp_path, count=100, broken=broken))
    views = {"image": ImageView(8), **LABELS}
    with caplog.at_level(logging.WARNING):
        loaded, named = collect(source, views, batch_size=10, seed=1, start_step=0, stop_step=10, workers=workers)
    labels = np.concatenate([batch["label"] for batch in loaded])
    order = np.array([index(position, 100, 1) for position in range(100)])
    for position, label in enumerate(labels):
        batch = set(order[position // 10 * 10 :][:10])
        others = (index(position + place, 100, 1, "replacement") for place in range(0, 1000, 10))
        if order[position] in broken:
            assert label == next(number for number in others if number not in batch | broken)
        else:
            assert label == order[position]
    assert {int(key.rsplit(":", 1)[1]) for key in named} == broken
    assert all(key in caplog.text for key in named) and "no whole image" in caplog.text


@pytest.mark.parametrize("workers", [0, 1])
def test_too_many_broken_records_stop_the_run_with_their_list(tmp_path, write_shards, workers):
    source = Shards(write_shards(tmp_path, count=100, broken=range(0, 100, 8)))  # 13 of 100
    with pytest.raises(UserError, match=r"1[1-9] of the first \d+0 records are broken.*0000.tar:000\d") as error:
        collect(source, {"image": ImageView(8)}, batch_size=10, seed=1, start_step=0, stop_step=50, workers=workers)
    assert str(error.value).count("no whole image") >= 11


def test_ten_broken_records_are_no_reason_to_stop(tmp_path, write_shards):
    source = Shards(
        write_shards(tmp_path, count=100, broken=range(0, 100, 25))
    )  # 4 of 100: 10 after two and a half epochs
    _, named = collect(source, {"image": ImageView(8)}, batch_size=10, seed=1, start_step=0, stop_step=20)
    assert 8 <= len(named) <= 10


def test_two_crops_and_the_tokens_come_from_one_decoding(tmp_path, write_shards, monkeypatch):
    decoded, decode = [], images.decode
    monkeypatch.setattr(images, "decode", lambda data: decoded.append(data) or decode(data))
    source = Shards(write_shards(tmp_path, count=20))
    views = {
        "image_global": ImageView(8, (0.9, 1.0)),
        "image_local": ImageView(8, (0.5, 1.0)),
        "text": TextView("caption", 8),
    }
    collect(source, views, batch_size=10, seed=0, start_step=0, stop_step=2)
    assert len(decoded) == len(set(decoded)) == 20


@pytest.mark.parametrize("workers", [0, 1])
def test_data_that_lack_what_a_view_needs_are_named(tmp_path, write_tar, workers):
    source = Shards(write_tar(tmp_path / "x.tar", {f"{number}.jpg": b"?" for number in range(5)}))
    with pytest.raises(UserError, match="cannot be used.*x.tar:.*it has no caption"):
        collect(source, {"text": TextView("caption")}, batch_size=2, seed=0, start_step=0, stop_step=2, workers=workers)


OWN_VIEW = """
import sys
from dataclasses import dataclass
import numpy as np
from tandemclip.core.data.views.view import View

@dataclass(frozen=True)
class Engines(View):
    def arrays(self):
        return {"": ((), np.dtype(np.int32)), "_pid": ((2,), np.dtype(np.int64))}

    def __call__(self, record, rng, tokenizer):
        import os
        loaded = len({"torch", "mindspore", "sklearn"} & set(sys.modules))
        return {"": np.int32(loaded), "_pid": np.array([os.getpid(), os.getppid()])}
"""


def test_a_view_of_somebody_elses_module_runs_in_workers_that_load_no_engine(tmp_path):
    """In a program of its own, as tools are: workers import what was started as the program."""
    (tmp_path / "own_view.py").write_text(OWN_VIEW)
    (tmp_path / "program.py").write_text(
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from own_view import Engines\n"
        "from tandemclip.core.data.loading.loader import batches\n"
        "from tandemclip.core.data.scenes.scenes import Scenes\n"
        "if __name__ == '__main__':\n"
        "    steps = {'start_step': 0, 'stop_step': 3, 'workers': 2}\n"
        "    for batch in batches(Scenes(), {'engines': Engines()}, None, batch_size=4, seed=0, **steps):\n"
        "        print(batch['engines'].max(), len({*batch['engines_pid'].ravel()}))\n"
    )
    run = subprocess.run(
        [sys.executable, tmp_path / "program.py", tmp_path], capture_output=True, text=True, check=True
    )
    assert run.stdout == "0 2\n" * 3
    assert run.stderr == ""  # no warning of leaked memory, no complaint of a library


def test_workers_are_silent_where_the_program_imports_the_loader_late(tmp_path):
    """As tools do. A worker has imported nothing of the loader yet when it imports grain."""
    (tmp_path / "program.py").write_text(
        "import tandemclip\n"
        "if __name__ == '__main__':\n"
        "    from tandemclip.core.data.loading.loader import batches\n"
        "    from tandemclip.core.data.scenes.scenes import Scenes\n"
        "    from tandemclip.core.data.views.image import ImageView\n"
        "    steps = {'start_step': 0, 'stop_step': 2, 'workers': 1}\n"
        "    print(len([*batches(Scenes(), {'image': ImageView(8)}, None, batch_size=2, seed=0, **steps)]))\n"
    )
    run = subprocess.run([sys.executable, tmp_path / "program.py"], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("2\n", "")


def test_importing_the_data_pipeline_loads_no_engine():
    names = (
        "images",
        "loading.loader",
        "records",
        "scenes.scenes",
        "sources.shards",
        "tokenizers.tokenizer",
        "views.image",
        "views.text",
    )
    code = f"import sys, importlib\nfor name in {names}: importlib.import_module('tandemclip.core.data.' + name)\n"
    code += "print([name for name in ('torch', 'mindspore') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("count,rows", [(1, [1]), (8, [8]), (9, [8, 1]), (20, [8, 8, 4])])
@pytest.mark.parametrize("workers", [0, 2])
def test_evaluation_goes_through_the_source_once_in_its_own_order(count, rows, workers):
    source = Scenes(split="held_out", digits=1, count=count)
    views = {"image": CentreView(48), "digit": LabelView("digit"), "color": LabelView("color")}
    found = list(evaluation_batches(source, views, WORDS, 8, workers))
    assert [batch["image"].shape for batch, _ in found] == [(real, 3, 48, 48) for real in rows]
    digits = np.concatenate([batch["digit"] for batch, _ in found])
    assert digits.tolist() == [source[number].label for number in range(count)]
    captions = [texts for _, own in found for texts in own]
    assert captions == [source[number].captions for number in range(count)]


@pytest.mark.parametrize("workers", [0, 1])
def test_evaluation_does_not_replace_a_broken_record(tmp_path, write_shards, workers):
    source = Shards(write_shards(tmp_path, count=20, broken={13}))
    with pytest.raises(UserError, match="0000.tar:000013.*repair"):
        list(evaluation_batches(source, {"image": CentreView(8)}, WORDS, 8, workers))


def test_real_photos_with_clips_tokens(shared):
    source = Shards(str(shared / "data" / "flickr8k_entities" / "dev" / "*.tar"))
    views = {
        "image": ImageView(32, (0.5, 1.0), flip=True),
        "text": TextView("caption", 77),
        "objects": TextView("objects", 77),
    }
    loaded, broken = collect(source, views, ClipTokenizer(), batch_size=32, seed=0, start_step=0, stop_step=4)
    assert not broken
    for batch in loaded:
        assert np.isfinite(batch["image"]).all() and 0.5 < batch["image"].std() < 2
        assert (batch["text"].max(1) == 49407).all() and (batch["text"][:, 0] == 49406).all()
