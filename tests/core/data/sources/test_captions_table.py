"""A table of paths and captions as a source."""

import csv
import pickle

import numpy as np
import pytest

from tandemclip.core.data.account import Account, Named
from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.data.sources.captions_table import CaptionsTable
from tandemclip.core.errors import UserError

ODD = [
    'with "quotes", commas', "\u2028line\u2029separators\x85of Unicode", "zero\u200bwidth", "שלום", "👩‍👩‍👧 family",
    "e\u0301 = é", "a\ttab", "two\nlines", "  spaces  ", "\ufeffmark", "NaN", "0",
]  # fmt: skip


@pytest.fixture
def photos(tmp_path):
    """A folder whose "images" hold their own names."""
    for name in ("a.jpg", "b.png", "sub/c.jpg", "ü 猫.jpg"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path


def table(folder, text, name="table.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def records(source):
    return [(record.image.decode(), record.captions) for record in map(source.__getitem__, range(len(source)))]


def test_rows_of_one_path_are_one_record_in_the_order_of_the_first(photos):
    path = table(photos, "path,caption\nb.png,one\na.jpg,two\nb.png,three\n\nsub/c.jpg,\nb.png, \nü 猫.jpg,four\n")
    source = CaptionsTable(path, str(photos / "images"))
    assert records(source) == [
        ("b.png", ("one", "three")),
        ("a.jpg", ("two",)),
        ("sub/c.jpg", ()),
        ("ü 猫.jpg", ("four",)),
    ]
    assert source[2].key == str(photos / "images" / "sub" / "c.jpg")
    assert list(source.texts(10)) == ["one", "three", "two", "four"] and list(source.texts(2)) == ["one", "three"]
    with pytest.raises(IndexError):
        source[4]


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("suffix, delimiter", [(".csv", ","), (".tsv", "\t")])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_what_python_s_own_writer_wrote(photos, suffix, delimiter, quoting, encoding):
    captions = [
        text for text in ODD if suffix == ".csv" or not set("\t\n") & set(text)
    ]  # a field of a .tsv has neither
    path = photos / f"table{suffix}"
    with open(path, "w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, quoting=quoting)
        writer.writerow(["text", "id", "file"])
        writer.writerows([text, number, "images/a.jpg"] for number, text in enumerate(captions))
    source = CaptionsTable(str(path), path_column="file", caption_column="text")
    assert records(source) == [("a.jpg", tuple(captions))]


def test_quotation_marks_of_a_raw_tsv_are_text(photos):
    rows = ["path\tcaption", 'images/a.jpg\t"Hi" she said', 'images/b.png\t"open', 'images/sub/c.jpg\t"all"']
    rows += ['images/a.jpg\t""odd"']
    path = table(photos, "\r\n".join(rows), "x.TSV")
    found = [captions for _, captions in records(CaptionsTable(path))]
    assert found == [('"Hi" she said', '""odd"'), ('"open',), ("all",)]


def test_a_row_or_image_that_cannot_be_used_breaks_only_itself(photos):
    path = table(
        photos,
        "caption,path\none,a.jpg\ntwo\nthree, \nfour,gone.jpg\nfive,sub\nsix,b.png\nx,http://x//y.jpg\nx,S3://x/y\n",
    )
    source = CaptionsTable(path, str(photos / "images"))
    assert len(source) == 6 and source[0].captions == ("one",) and source[3].captions == ("six",)
    rows, _ = source.account()
    assert rows.passed_over == {"the row has no path": Named(2, ("line 3", "line 4"))}
    broken = {1: "gone.jpg: .*No such file", 2: "sub: ", 4: "address: fetch the file", 5: "address: fetch the file"}
    for index, words in broken.items():
        with pytest.raises(BrokenRecord, match=words):
            source[index]


def test_an_absolute_path_stays_one(photos, tmp_path):
    path = table(photos, f"path,caption\n{photos}/images/a.jpg,one\n")
    assert records(CaptionsTable(path, str(tmp_path))) == [("a.jpg", ("one",))]


@pytest.mark.parametrize(
    "text, name, words",
    [
        ("file,text\na.jpg,one\n", "t.csv", "columns file, text, but no 'path'.*path_column"),
        ("path;caption\na.jpg;one\n", "t.csv", "columns path;caption, but no 'path'"),
        ("path,text\na.jpg,one\n", "t.csv", "no 'caption'.*caption_column"),
        ("", "t.csv", "no 'path'"),
        ("path,caption\n", "t.csv", "no rows"),
        ("path,caption\na.jpg,ok\na.jpg,\xe9t\xe9\n".encode("latin-1"), "t.csv", "t.csv line 3 is not UTF-8.*save"),
        ('path,caption\na.jpg,"open\nb.png,two\n', "t.csv", "line 3: .*quotation"),
        ("path,caption\na.jpg,red, wet\n", "t.csv", "t.csv line 2 has 3 fields, and the first row names 2.*quotation"),
        ("path,n,caption\na.jpg,1,ok\nb.png,1,a, b,c\n", "t.csv", "line 3 has 5 fields.*a caption with a comma"),
        ("path\tcaption\na.jpg\tred\twet\n", "t.tsv", "t.tsv line 2 has 3 fields.*a caption with a tab"),
        ("path,caption,caption\na.jpg,one,two\n", "t.csv", "'caption' several times.*caption_column, or rename"),
        ("path\na.jpg\n", "t.csv", "columns path, but no 'caption'; name the right one"),
        (" \n,x\n".join(["path,caption", ""]), "t.csv", "no rows with a path"),
        ("path,caption\n".encode("utf-16"), "t.csv", "line 1 is not UTF-8"),
        (b"path,caption\na.jpg,o\0ne\n", "t.csv", "t.csv line 2 is not UTF-8, or damaged, as it holds a zero byte"),
        ("path,caption\na.jpg,one\n", "t.jsonl", "t.jsonl does not end in .csv or .tsv; convert"),
    ],
)
def test_a_table_that_is_not_as_described_is_named(photos, text, name, words):
    with pytest.raises(UserError, match=words):
        len(CaptionsTable(table(photos, text, name), str(photos / "images")))


def test_a_field_without_an_end_is_named(photos):
    before = csv.field_size_limit(1000)  # of the process: libraries change it
    try:
        with pytest.raises(UserError, match="line 2: field larger than .* not closed, or shorten the field"):
            len(CaptionsTable(table(photos, f"path,caption\na.jpg,{'x' * 2000}\n")))
    finally:
        csv.field_size_limit(before)


def test_what_is_not_there_is_named(photos):
    with pytest.raises(UserError, match="an empty path does not end in .csv"):
        len(CaptionsTable(""))
    with pytest.raises(UserError, match="gone.csv cannot be read.*correct the path"):
        len(CaptionsTable(str(photos / "gone.csv")))
    with pytest.raises(UserError, match="pictures is no folder"):
        len(CaptionsTable(table(photos, "path,caption\na.jpg,one\n"), str(photos / "pictures")))


def test_many_rows_travel_in_little_room(tmp_path):
    """To a worker: less than twice the table, and without reading it again."""
    rows = 20_000
    text = "path,caption\n" + "".join(f"{i % 5000:06d}.jpg,caption number {i}\n" for i in range(rows))
    source = CaptionsTable(table(tmp_path, text))
    assert len(source) == 5000
    sent = pickle.dumps(source)
    assert len(sent) < 2 * len(text)
    (tmp_path / "table.csv").unlink()
    (tmp_path / "000007.jpg").write_bytes(b"x")
    assert pickle.loads(sent)[7].captions == tuple(f"caption number {i}" for i in np.arange(7, rows, 5000))


@pytest.mark.parametrize("name, mark", [("t.csv", ""), ("t.csv", "\ufeff"), ("t.tsv", "")])
def test_every_row_is_accounted_for(photos, name, mark):
    lines = [
        "path,n,caption",
        "a.jpg,1,one",
        "",
        "b.png,2, ",
        "b.png,3",
        ",4,nobody's",
        " ,5,x",
        "a.jpg,6,two,,",
        ",,",
    ]
    text = mark + "\r\n".join(line.replace(",", "\t" if name == "t.tsv" else ",") for line in lines)
    text = text.replace(" ,5,x", " ,5,x")
    rows, pictures = CaptionsTable(table(photos, text, name), str(photos / "images")).account()
    assert (rows.unit, rows.all, rows.read) == ("rows", 7, 4)
    assert rows.passed_over == {"the row has no path": Named(3, ("line 6", "line 7", "line 9"))}
    assert rows.remarks == {
        "blank caption": Named(1, ("line 4",)), "the row has fewer fields than the first": Named(1, ("line 5",)),
    }  # fmt: skip
    assert pictures == Account(rows.of, "pictures", 2, 2, remarks={"no caption": Named(1, ("b.png",))})


def test_a_blank_before_a_quotation_mark_cuts_no_caption(photos):
    text = 'path, caption\na.jpg, "red, wet"\nb.png, "two\nlines"\nsub/c.jpg,  plain\n'
    expected = [("a.jpg", ("red, wet",)), ("b.png", ("two\nlines",)), ("sub/c.jpg", ("plain",))]
    assert records(CaptionsTable(table(photos, text), str(photos / "images"))) == expected


@pytest.mark.parametrize("sign, name", [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_fields_between_other_signs_are_told(photos, sign, name):
    with pytest.raises(UserError, match=f"no 'path' .its fields are between {name}: a .csv has commas"):
        len(CaptionsTable(table(photos, f"path{sign}caption\na.jpg{sign}one\n")))
    with pytest.raises(UserError, match="columns Path, Caption, but no 'path'; name"):
        len(CaptionsTable(table(photos, "Path,Caption\na.jpg,one\n")))


def test_a_cell_that_holds_a_list_or_a_word_for_nothing_is_remarked(photos):
    rows = ['"[""one"", ""two""]"', "\"{'en': 'one', 'n': 2}\"", " NaN", "None", "[a sign] of a nun", "nan bread"]
    text = "path,caption\n" + "".join(f"a.jpg,{row}\n" for row in rows)
    source = CaptionsTable(table(photos, text), str(photos / "images"))
    assert len(source[0].captions) == 6  # they are texts
    assert source.account()[0].remarks == {
        "a caption that looks like a list or a mapping, and is taken as the text that it is": Named(
            2, ("line 2", "line 3")
        ),
        "a caption that is the word for no value (nan, none, null), and is taken as a text": Named(
            2, ("line 4", "line 5")
        ),
    }


@pytest.mark.parametrize("form", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_table_of_another_encoding_is_refused_with_its_line(photos, form):
    with pytest.raises(
        UserError, match="line 1 is not UTF-8, or damaged, as it holds a zero byte; save the table as UTF-8"
    ):
        len(CaptionsTable(table(photos, "path,caption\na.jpg,one\n".encode(form)), str(photos / "images")))


@pytest.mark.parametrize("name, text, line", [
    ("t.csv", "path,caption\ra.jpg,one\rb.png,two\r", 1), ("t.tsv", "path\tcaption\ra.jpg\tone\r", 1),
    ("t.csv", "path,caption\na.jpg,one\rtwo\n", 2),
])  # fmt: skip
def test_carriage_returns_are_no_matter_of_quotation_marks(photos, name, text, line):
    with pytest.raises(UserError, match=f"{name} line {line} has carriage returns within.*with line feeds") as error:
        len(CaptionsTable(table(photos, text, name), str(photos / "images")))
    assert "\r" not in str(error.value)
    quoted = CaptionsTable(table(photos, 'path,caption\r\na.jpg,"one\rtwo"\r\n'), str(photos / "images"))
    assert quoted[0].captions == ("one\rtwo",)


def test_a_path_in_two_spellings_is_one_picture(photos):
    """Else it would stand in a batch twice, each the negative of the other."""
    rows = ["a.jpg,one", "./a.jpg,two", "sub//c.jpg,three", "sub/./c.jpg,four", "../images/b.png,five"]
    source = CaptionsTable(table(photos, "path,caption\n" + "\n".join(rows)), str(photos / "images"))
    assert records(source)[:2] == [("a.jpg", ("one", "two")), ("sub/c.jpg", ("three", "four"))] and len(source) == 3


def test_a_path_of_windows_is_explained(photos):
    source = CaptionsTable(table(photos, "path,caption\nsub\\a.jpg,one\n"), str(photos / "images"))
    with pytest.raises(
        BrokenRecord, match="No such file or directory .its path has backslashes, as on Windows: write /"
    ):
        source[0]
