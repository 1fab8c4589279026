"""The page asks for nothing from anywhere, shows what was measured, and takes no text for markup."""

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import simplejpeg

from tandemclip import backends
from tandemclip.core.evaluation.suites.candidates import candidates
from tandemclip.core.evaluation.suites.plan import plan
from tandemclip.core.evaluation.suites.report.page import page
from tandemclip.core.evaluation.suites.report.summary import summarize
from tandemclip.core.evaluation.suites.report.terms import TERMS
from tandemclip.core.evaluation.suites.running import measure
from tandemclip.core.evaluation.suites.suite import read_suite
from tandemclip.tests.core.evaluation.suites.scenes_suite import small

REFERENCES = ("src", "href", "data", "poster", "srcset", "action", "formaction", "background", "cite", "xlink:href")
EMPTY = {"meta", "img", "line", "circle", "br", "link", "input"}


class Parsed(HTMLParser):
    """Every tag with its attributes, and all text by the tag that it stands in; wrongly nested tags fail."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.open = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in EMPTY:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def of(self, tag):
        return [text for own, text in self.texts if own == tag]


def asks_for_nothing(text):
    parsed = Parsed(text)
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in parsed.tags}
    for tag, attributes in parsed.tags:
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        for name in REFERENCES:
            if name in attributes:
                assert attributes[name].startswith(("data:", "#")), (tag, attributes[name][:50])
        assert "http-equiv" not in attributes
    styles = [*parsed.of("style"), *(attributes.get("style", "") for _, attributes in parsed.tags)]
    assert not any(re.search(r"url\s*\(|@import|expression|image-set", style) for style in styles)
    return parsed


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suite")
    suite, checkpoints = small(folder)
    planned = plan(read_suite(suite), candidates(checkpoints, "torch", False), "data", False)
    results = measure(planned, folder / "out", backends.load("torch"))
    return summarize("small", "torch", planned, results)


def test_it_asks_for_nothing_and_shows_all(summary):
    text = page(summary).decode()
    parsed = asks_for_nothing(text)
    for row in summary.headlines:
        assert row.title in parsed.of("a") and row.metric in parsed.of("td")
        for figure in row.figures:
            assert f"{figure.percent:.2f}" in parsed.of("span")
    assert summary.rows[0].figures[1].difference.told in parsed.of("span")
    links = [attributes["href"][1:] for tag, attributes in parsed.tags if tag == "a"]
    assert set(links) == {attributes["id"] for _, attributes in parsed.tags if "id" in attributes}


def test_pictures_are_those_of_the_records(summary):
    """The first one that is found for the first text."""
    measured = summary.measured[2]
    answers = measured.results[0].answers["t2i/R@1"]
    parsed = Parsed(page(summary).decode())
    shown = [attributes for tag, attributes in parsed.tags if tag == "img"]
    wanted = measured.entry.source[int(answers.first[0, 0])].pixels
    decoded = [simplejpeg.decode_jpeg(base64.b64decode(each["src"].partition(",")[2])) for each in shown]
    near = [np.abs(picture.astype(int) - wanted).mean() for picture in decoded]
    assert min(near) < 10 < sorted(near)[len(near) // 2]
    assert all(each["alt"] for each in shown) and all(max(int(e["width"]), int(e["height"])) == 88 for e in shown)
    right = [each for each in shown if each.get("class") == "right"]
    assert len(right) == 2 * len(answers.asked)  # one of each model: where it is found, or apart


def test_own_texts_are_marked_and_no_others(summary):
    """Of every picture that is asked, in every checkpoint's list."""
    measured = summary.measured[2]
    wanted = []
    for place in range(len(measured.results[0].answers["i2t/R@1"].asked)):
        for result in measured.results:
            answers = result.answers["i2t/R@1"]
            wanted += [text in answers.right[place] for text in answers.first[place]]
    shown = [attributes.get("class") for tag, attributes in Parsed(page(summary).decode()).tags if tag == "li"]
    assert shown == ["right" if own else None for own in wanted] and 0 < sum(wanted) < len(wanted)
    answers, told = measured.results[0].answers["i2t/R@1"], Parsed(page(summary).decode()).of("p")
    own = [text.removeprefix("its own: ") for text in told if text.startswith("its own: ")]
    assert len(own) == len(answers.asked)
    for text, right in zip(own, answers.right):
        assert text in {answers.texts[number] for number in right if number >= 0}


def test_the_words_of_its_tables_are_explained(summary):
    parsed = Parsed(page(summary).decode())
    assert {"linear_probe", "retrieval", "i2t", "R@K"} <= set(parsed.of("th")) and "map11" not in parsed.of("th")
    assert TERMS["i2t"] in parsed.of("td")


def test_texts_of_the_data_are_no_markup(summary):
    evil = "<script>alert(1)</script> <img src=http://x.y/z onerror=a> &lt;b&gt; \" ' </style> ]]>"
    measured = summary.measured[2]
    results = []
    for result in measured.results:
        answers = {name: replace(each, texts=(evil,) * len(each.texts)) for name, each in result.answers.items()}
        results.append(replace(result, answers=answers))
    entry = replace(measured.entry, data_set=replace(measured.entry.data_set, title=evil), label=evil, set_name=evil)
    bad = replace(measured, results=tuple(results), entry=entry)
    rows = tuple(replace(row, title=evil, protocol=evil, metric=evil, set_name=evil) for row in summary.rows)
    plan = replace(summary.plan, missing={evil: evil})
    text = page(replace(summary, suite=evil, engine=evil, measured=(bad,), rows=rows, plan=plan)).decode()
    parsed = asks_for_nothing(text)
    for tag in ("h1", "h2", "h3", "li", "td"):
        assert any(evil in told for told in parsed.of(tag)), tag
    assert any(evil in told for told in parsed.of("h4"))


def test_the_checks_of_this_test_see_what_they_look_for():
    for bad in (
        '<img src="http://a.b/c">',
        '<a href="page.html">x</a>',
        "<script>1</script>",
        '<p style="background: url(x)">a</p>',
        "<style>@import 'a'</style>",
        '<p onclick="x">a</p>',
    ):
        with pytest.raises(AssertionError):
            asks_for_nothing(bad)
    asks_for_nothing('<img src="data:image/png;base64,AA"><a href="#x">x</a>')
