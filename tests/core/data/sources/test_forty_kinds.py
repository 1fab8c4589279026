"""A thousand files of forty kinds, good, odd and broken, through the sources: accounts add up, every pair is right.

The picture of caption "number N" has the colour N, by which a pair is known.
"""

import json
from collections import Counter

import pytest

from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.data.sources.captions_table import CaptionsTable
from tandemclip.core.data.sources.class_folder import ClassFolder
from tandemclip.core.data.sources.coco_captions import CocoCaptions
from tandemclip.core.data.sources.shards import Shards
from tandemclip.tests.core.data.numbered import encoded, number_of

EACH = 25
GOOD = ("jpg jpeg jpe jfif jif png apng webp bmp dib tif tiff gif avif jp2 ppm pnm ras sr JPG Png TIFF").split()
NO_PICTURES = "txt csv tar json heic npy md zip pdf xml".split()
ODD = ("cut.jpg", "empty.png", "html.jpg", "text.gif", "zeros.webp", "plain", ".hidden.png", "backup.jpg~")


def odd(kind, number):
    whole = encoded("jpg", number)
    return {
        "cut.jpg": whole[: len(whole) // 2], "empty.png": b"", "html.jpg": b"<html>404</html>",
        "text.gif": b"no picture", "zeros.webp": b"RIFF" + bytes(400), "plain": whole, ".hidden.png": whole,
        "backup.jpg~": whole,
    }[kind]  # fmt: skip


@pytest.fixture(scope="module")
def files():
    """{name: (content, whether it is a whole picture by its name)}; the name begins with its number."""
    found, number = {}, 0
    for kind in (*GOOD, *NO_PICTURES, *ODD):
        for _ in range(EACH):
            good = kind in GOOD
            content = encoded(kind, number) if good else odd(kind, number) if kind in ODD else b"no picture"
            name = f"{number:04d}.{kind}" if kind not in ("plain", ".hidden.png") else f"{kind}{number:04d}"
            found[name] = (content, good)
            number += 1
    assert len(found) == 1000
    return found


def good_ones(files):
    return {name for name, (_, good) in files.items() if good}


def pairs(source):
    """({number of the picture: its caption}, how many are broken, by reason)"""
    found, broken = {}, Counter()
    for index in range(len(source)):
        try:
            record = source[index]
            found[number_of(record.pixels)] = record.captions
        except BrokenRecord as error:
            broken[error.reason] += 1
    return found, broken


def test_a_folder(files, tmp_path):
    for place, (name, (content, _)) in enumerate(files.items()):
        (tmp_path / "ab"[place % 2]).mkdir(exist_ok=True)
        (tmp_path / "ab"[place % 2] / name).write_bytes(content)
    source = ClassFolder(str(tmp_path))
    _, account = source.account()
    found, broken = pairs(source)
    assert account.all == 1000 and account.read == len(source) == EACH * (len(GOOD) + 5)
    assert {reason: named.count for reason, named in account.passed_over.items()} == {
        "its name begins with a dot": EACH, "it is no picture by its name": EACH * (len(NO_PICTURES) + 2),
    }  # fmt: skip
    assert sorted(found) == sorted(int(name[:4]) for name in good_ones(files)) and broken.total() == 5 * EACH
    assert all(texts == (f"a photo of a {'ab'[number % 2]}.",) for number, texts in found.items())


def test_a_table_and_coco(files, tmp_path):
    for name, (content, _) in files.items():
        (tmp_path / name).write_bytes(content)
    rows = [f"{name},number {place}" for place, name in enumerate(files)]
    (tmp_path / "t").with_suffix(".csv").write_text("path,caption\n" + "\n".join([*rows, ",of nobody", "0000.jpg, "]))
    images = [{"id": place, "file_name": name} for place, name in enumerate(files)]
    notes = [{"image_id": place, "caption": f"number {place}"} for place in range(1000)]
    notes += [{"image_id": "1", "caption": "of nobody"}, {"image_id": 2, "caption": " "}]
    (tmp_path / "c").with_suffix(".json").write_text(json.dumps({"images": images, "annotations": notes}))
    table = CaptionsTable(str(tmp_path / "t.csv"))
    coco = CocoCaptions(str(tmp_path / "c.json"), str(tmp_path))
    rows, _ = table.account()
    of_images, of_captions = coco.account()
    assert (rows.all, rows.read, of_images.read, of_captions.all, of_captions.read) == (1002, 1001, 1000, 1002, 1000)
    for source in (table, coco):
        found, broken = pairs(source)
        assert len(found) == 1000 - broken.total() == EACH * (len(GOOD) + 3)  # what a name says is not asked
        assert all(texts == (f"number {number}",) for number, texts in found.items())


def test_shards(files, tmp_path, write_tar):
    members = {name: content for name, (content, _) in files.items()}
    for place, name in enumerate(files):
        if not name.endswith((".txt", ".json")) and name[:4].isdigit():
            members[f"{name[:4]}.json"] = json.dumps({"caption": f"number {place}"}).encode()
    write_tar(tmp_path / "x.tar", members)
    source = Shards(str(tmp_path / "x.tar"))
    (account,) = source.account()
    found, broken = pairs(source)
    assert account.all == len(members) and account.read == 2 * len(source) == 2 * EACH * (len(GOOD) + 5)
    assert {reason: named.count for reason, named in account.passed_over.items()} == {
        "its name has no ending, or begins with a dot": 2 * EACH,
        "its ending is none that is read": EACH * (len(NO_PICTURES) - 2 + 1),
        "there is no picture of its name": EACH * (len(NO_PICTURES) + 1),
    }  # fmt: skip
    assert len(found) == EACH * len(GOOD) and broken.total() == 5 * EACH
    assert all(texts == (f"number {number}",) for number, texts in found.items())
