"""What is found for a text, and for a picture."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from tandemclip.core.answers import Answers
from tandemclip.core.data.sources.source import Source
from tandemclip.core.evaluation.suites.report.markup import picture, tag

RIGHT = "right"  # how what is right looks


def found_pictures(source: Source, named: Sequence[tuple[str, Answers]]) -> list[ET.Element]:
    """For each text a row of pictures for each checkpoint, and the right one apart where it is not among them."""
    first = named[0][1]
    blocks = [
        tag(
            "section",
            tag("h4", f"“{first.name(int(asked))}”"),
            tag("table", *(_pictures(source, name, answers, place) for name, answers in named)),
        )
        for place, asked in enumerate(first.asked)
    ]
    told = f"What is found for a text: the nearest pictures of {len(first.asked)} texts, the right one framed"
    return [tag("details", tag("summary", told), *blocks)]


def _pictures(source: Source, name: str, answers: Answers, place: int) -> ET.Element:
    right, found = {int(number) for number in answers.right[place]}, [int(number) for number in answers.first[place]]
    row = [
        picture(source, number, f"number {rank}", RIGHT if number in right else "")
        for rank, number in enumerate(found, 1)
    ]
    missed = [picture(source, number, "the right one", RIGHT) for number in sorted(right - set(found)) if number >= 0]
    apart = tag("td", "not among them: ", *missed) if missed and not right & set(found) else tag("td")
    return tag("tr", tag("th", name), tag("td", *row), apart)


def found_texts(source: Source, named: Sequence[tuple[str, Answers]]) -> list[ET.Element]:
    """For each picture, with a text of its own, a list of texts for each checkpoint."""
    first = named[0][1]
    rows = [
        tag(
            "tr",
            tag("td", picture(source, int(asked), "the picture that is asked"), _own(first, place), class_="asked"),
            *(tag("td", _texts(answers, place)) for _, answers in named),
        )
        for place, asked in enumerate(first.asked)
    ]
    head = tag("tr", tag("th"), *(tag("th", name) for name, _ in named))
    told = f"What is found for a picture: the nearest texts of {len(first.asked)} pictures, its own ones marked"
    return [tag("details", tag("summary", told), tag("table", head, *rows))]


def _own(answers: Answers, place: int) -> ET.Element:
    """One of the texts that would have been right: often none of them is found."""
    return tag("p", "its own: ", answers.name(int(answers.right[place].max())), class_="small")


def _texts(answers: Answers, place: int) -> ET.Element:
    right = set(answers.right[place].tolist())
    items = (
        tag("li", answers.name(int(text)), class_=RIGHT if int(text) in right else "") for text in answers.first[place]
    )
    return tag("ol", *items)
