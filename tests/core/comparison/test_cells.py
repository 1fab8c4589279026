"""What a cell is made of, and when it is refused."""

import json

import pytest

from tandemclip.core.comparison.cells import FILE, Cell, Plan, cells
from tandemclip.core.errors import UserError
from tandemclip.core.training import checkpoint
from tandemclip.core.training.config import read


@pytest.fixture
def files(root):
    return [root / "configs" / "pretrain" / f"tiny_{name}_vit.yaml" for name in ("clip", "pyramidclip")]


def test_equal_views_are_half_the_steps_for_two_crops(files, tmp_path):
    assert [read(file)[0].views_a_step for file in files] == [8, 16]
    clip, pyramid = cells(Plan(tmp_path, views=170), files, [5])  # batches of 8
    assert (clip.config.training.steps, pyramid.config.training.steps) == (21, 10)
    assert clip.config.training.seed == 5 and clip.folder == tmp_path / "tiny_clip_vit_5"
    only_global = Plan(tmp_path, views=160, overrides=("method.weights={GS: 1, GA: 1, LT: 0, LA: 0, RS: 0, RT: 0}",))
    assert cells(only_global, files[1:], [0])[0].config.training.steps == 20  # a crop that no pair uses is no view
    epochs = Plan(tmp_path, views=160, overrides=("training.steps=null", "training.epochs=3"))
    assert cells(epochs, files[:1], [0])[0].config.training.schedule(400).steps == 20


def test_the_order_is_seed_by_seed(files, tmp_path):
    planned = cells(Plan(tmp_path), files, [3, 4])
    assert [(cell.name, cell.seed) for cell in planned] == [(file.stem, seed) for seed in (3, 4) for file in files]
    assert not list(tmp_path.iterdir())


def test_arguments_name_everything(files, tmp_path):
    cell = Cell(Plan(tmp_path, "mindspore", ("training.batch_size=4",), views=80), files[1], 2)
    text = " ".join(cell.arguments())
    assert f"--config {files[1]} --out {tmp_path / 'tiny_pyramidclip_vit_2'} --backend mindspore --resume" in text
    overrides = (
        "training.checkpoint_minutes=10 training.batch_size=4 training.seed=2 training.steps=10 training.epochs=null"
    )
    assert text.endswith(f"--set {overrides}")


def test_minutes_are_counted_once(files, tmp_path):
    """What goes on keeps the number of steps that the minutes once were."""
    cell = Cell(Plan(tmp_path, minutes=1.5), files[0], 0)
    assert cell.arguments()[-2:] == ["--minutes", "1.5"]
    checkpoint.save(cell.folder, 3, {}, {}, {})
    assert "--minutes" not in cell.arguments() and "--resume" in cell.arguments()


def test_a_cell_of_other_settings_is_refused(files, tmp_path):
    Cell(Plan(tmp_path), files[0], 0).start()
    cells(Plan(tmp_path), files, [0])
    for plan, words in (
        (
            Plan(tmp_path, overrides=("training.learning_rate=2e-3",)),
            "config.training.learning_rate = 0.001.*wanted with 0.002",
        ),
        (Plan(tmp_path, overrides=("training.clip=1",)), "config.training.clip = None and is wanted with 1"),
        (Plan(tmp_path, overrides=("method.crop.moco_v2={}",)), "config.method.crop.moco_v2 = None .*wanted with {}"),
        (Plan(tmp_path, backend="mindspore"), "backend = 'torch'"),
        (Plan(tmp_path, minutes=1.0), "minutes = None"),
        (Plan(tmp_path, views=80), "config.training.steps = 200 .*wanted with 10"),
    ):
        with pytest.raises(UserError, match=words):
            cells(plan, files, [0])
    (tmp_path / "tiny_clip_vit_1").mkdir()
    (tmp_path / "tiny_clip_vit_1" / "journal.jsonl").write_text("")
    with pytest.raises(UserError, match="tiny_clip_vit_1 holds something"):
        cells(Plan(tmp_path), files, [0, 1])


def test_what_cannot_be_compared(files, tmp_path):
    for given, words in (
        ((Plan(tmp_path), [files[0], files[0]], [0]), "config 'tiny_clip_vit' is given twice"),
        ((Plan(tmp_path), files, [1, 1]), "seed 1 is given twice"),
        ((Plan(tmp_path, views=7), files, [0]), "--views 7 is less than the 8 of one step"),
        ((Plan(tmp_path, overrides=("training.steps=9",), minutes=1.0), files, [0]), "both say how long"),
        ((Plan(tmp_path, overrides=("data.evaluate=null",)), files, [0]), "names no evaluation data"),
        ((Plan(tmp_path), [*files, files[0].with_name("scenes_clip.yaml")], [0]), "evaluated on different data"),
    ):
        with pytest.raises(UserError, match=words):
            cells(*given)


def test_code_that_worked_on_it_is_listed_once(files, tmp_path, monkeypatch):
    cell = Cell(Plan(tmp_path), files[0], 0)
    for version in ("1 a", "1 a", "1 b"):
        monkeypatch.setattr("tandemclip.core.comparison.cells.code", lambda version=version: version)
        cell.start()
    assert json.loads((cell.folder / FILE).read_text())["code"] == ["1 a", "1 b"]
    assert cell.result() is None
    (cell.folder / "metrics.json").write_text('{"step": 2')  # torn by a crash
    assert cell.result() is None
