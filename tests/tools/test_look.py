"""tools/look.py grad-cam, pointing-game, tsne and tokens, on checkpoints as they are drawn."""

import re
import warnings

import cv2
import pytest

from tandemclip.core.spec import initial_weights
from tandemclip.core.training import checkpoint
from tandemclip.core.training.config import read
from tandemclip.core.training.start import tokenizer_of
from tandemclip.tools import look

SCENES = ["scenes", "size=32", "count=20"]


@pytest.fixture(scope="module")
def saved(root, tmp_path_factory):
    """The path of a checkpoint of a configuration, by its name."""

    def saved(name):
        config, mapping = read(root / "configs" / "pretrain" / f"{name}.yaml")
        state = {"config": mapping, "tokenizer": tokenizer_of(config).to_json()}
        run = tmp_path_factory.mktemp("runs") / name
        checkpoint.save(run, 0, initial_weights(config.method, 3), {}, state)
        return str(run)

    return {name: saved(name) for name in ("tiny_clip_vit", "tiny_filip_vit")}


def given(saved, command, name="tiny_clip_vit", source=SCENES):
    return [command, "--checkpoint", saved[name], "--source", *source]


def test_grad_cam_draws_the_query_and_its_words(saved, tmp_path, capsys):
    sizes = {}
    for words in ([], ["--words"]):
        out = tmp_path / "maps" / f"{len(words)}.png"
        arguments = [*given(saved, "grad-cam"), "--query", "a red seven", "--top", "3", *words, "--out", str(out)]
        assert look.main(arguments) == 0
        assert f"{out}: 3 pictures of 20, the nearest to 'a red seven' first" in capsys.readouterr().out
        sizes[len(words)] = cv2.imread(str(out)).shape
    assert sizes[0][1] == sizes[1][1] and 2 * sizes[1][0] == 5 * sizes[0][0]  # 2 rows, and 5 with three words


def test_the_pointing_game_prints_three_rows(saved, capsys):
    assert look.main([*given(saved, "pointing-game"), "--count", "6"]) == 0
    shown = capsys.readouterr().out
    rows = re.findall(r"^(\w+): [\d.]+% \(chance [\d.]+%, 6 queries", shown, re.M)
    assert rows == ["grad_cam", "constant_map", "shuffled_query"] and "remark: maps have 4 x 4 places" in shown


def test_tsne(saved, tmp_path, capsys):
    out = tmp_path / "plane.png"
    assert look.main([*given(saved, "tsne"), "--count", "15", "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    pictures, left = re.search(
        r"plane.png: (\d+) pictures; stars: the prompts of 10 classes\nremark: (\d+) rec", shown
    ).groups()
    assert int(pictures) + int(left) == 15 and cv2.imread(str(out)).shape == (520, 640, 3)


def test_tokens(saved, tmp_path, capsys):
    out = tmp_path / "tokens.png"
    assert look.main([*given(saved, "tokens", "tiny_filip_vit"), "--count", "2", "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    told = re.findall(r"pairs of each word \(mean cosine\): (.*)$", shown, re.M)
    assert [sum(map(int, re.findall(r" (\d+) \(-?\d\.\d\d\)", line))) for line in told] == [16, 16]  # of each place one
    assert cv2.imread(str(out)).shape == (330, 600, 3)


@pytest.mark.parametrize(
    "command, name, more, words",
    [
        ("grad-cam", "tiny_clip_vit", ["--query", "x", "--node", "block.1"], "did you mean image.blocks.1"),
        ("grad-cam", "tiny_clip_vit", ["--query", "x", "--node", ""], "no node 'image.' gives an array"),
        (
            "grad-cam",
            "tiny_clip_vit",
            ["--query", "x", "--node", "text.blocks.0"],
            "the node text.blocks.0 is the text tower's, and maps are of the image tower; name one such as blocks.1",
        ),
        ("grad-cam", "tiny_clip_vit", ["--query", ""], "--query: '' is blank; give a text"),
        ("grad-cam", "tiny_clip_vit", ["--query", " \u200b"], "is blank; give a text"),
        (
            "nearest",
            "tiny_clip_vit",
            ["--concepts", "c", "--queries", "x", " "],
            "--queries: ' ' is blank; give a text",
        ),
        ("pointing-game", "tiny_clip_vit", ["--node", "projection"], "which has no places; name one such as blocks.1"),
        ("tsne", "tiny_filip_vit", [], "FILIP compares token by token"),
        ("tokens", "tiny_clip_vit", [], "CLIP compares no tokens; LightCLIP with weights.token, and FILIP, do"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_a_line(saved, tmp_path, capsys, command, name, more, words):
    out = [] if command == "pointing-game" else ["--out", str(tmp_path / "x.png")]
    assert look.main([*given(saved, command, name), *more, *out]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and words in error and error.count("\n") == 1
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize("name", ["p.foo", "p", "p.png.jpg"])
def test_a_picture_is_called_a_png(saved, tmp_path, capsys, name):
    out = tmp_path / name
    assert look.main([*given(saved, "grad-cam"), "--query", "x", "--out", str(out)]) == 2
    assert f"{out} does not end in .png, and pictures are PNG files; write {out}.png" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_node_is_taken_as_messages_name_it(saved, tmp_path):
    drawn = []
    for node in ("blocks.0", "image.blocks.0"):
        out = tmp_path / f"{node}.PNG"
        assert look.main([*given(saved, "grad-cam"), "--query", "x", "--node", node, "--out", str(out)]) == 0
        drawn.append(out.read_bytes())
    assert drawn[0] == drawn[1]


def test_a_query_that_is_far_too_long_is_remarked_and_leaves_place_for_the_pictures(saved, tmp_path, capsys):
    out, query = tmp_path / "x.png", "a red seven and " * 75
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert look.main([*given(saved, "grad-cam"), "--query", query, "--top", "2", "--out", str(out)]) == 0
    shown = capsys.readouterr()
    remarks = [line for line in shown.out.splitlines() if line.startswith("remark: ")]
    assert remarks[0].startswith("remark: 1 of 1 texts are longer than the") and "Warning" not in shown.out + shown.err
    assert not [line for line in remarks if "layout" in line] and cv2.imread(str(out)) is not None


def test_a_place_that_cannot_be_written_is_told_before_anything_runs(saved, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for command, more in (("grad-cam", ["--query", "x"]), ("tsne", []), ("tokens", [])):
        out = tmp_path / "file" / "x.png"
        assert look.main([*given(saved, command), *more, "--out", str(out)]) == 2
        shown = capsys.readouterr()
        assert "x.png cannot be written" in shown.err and not shown.out
