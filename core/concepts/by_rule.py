"""Noun phrases by a rule that needs no package: a stand-in for a tagger, for captions.

A phrase is what stands between words that are none of a phrase ("is", "on", "the") and signs. Of that, what looks like
a verb is cut. It knows no parts of speech, so that "the dog runs" is a phrase to it.
"""

import re

from tandemclip.core.concepts.concept import NUMBERS, PRONOUNS, WHICH, looks_plural
from tandemclip.core.concepts.finder import Finder
from tandemclip.core.preparation.summaries import ATTRIBUTES, FUNCTION

TOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[^\w\s]")
ARTICLES = frozenset(("a", "an"))
# Beside the words that summaries take for such ones: these are no part of a noun phrase either.
MORE = (
    "about above across after against along among amongst around before below between beyond down during inside like "
    "off onto out outside past since than toward towards until up upon upside via within without away together there "
    "here then where when while whilst how so not very too also just only each can will would could may being been had "
    "does do did having s"
).split()
APART = (frozenset(FUNCTION) | frozenset(MORE) | WHICH | PRONOUNS) - {
    "colored",
    "coloured",
    "haired",
}
JOINING = frozenset(["and", *NUMBERS])
OF_ATTRIBUTES = frozenset([*ATTRIBUTES, "and"])
# Things whose names end as verbs do.
THINGS = frozenset(
    "building swing ring king string spring wing thing clothing ceiling railing wedding painting evening morning "
    "lightning sling awning bed shed sled seed weed steed speed breed red naked hundred".split()
)


def finder() -> Finder:
    return Finder("a rule of words", lambda captions: map(phrases, captions))


def phrases(caption: str) -> list[str]:
    """The noun phrases of a caption, in small letters."""
    found, run, article = [], [], False
    for token in [*TOKEN.findall(caption.lower()), "."]:
        joins = token in JOINING and run and OF_ATTRIBUTES.issuperset(run)  # "black and white dog", "red seven"
        if joins or token[0].isalnum() and token not in APART and not token.isdecimal():
            run.append(token)
        else:
            found += _of_run(run, article)
            run, article = [], token in ARTICLES
    return [" ".join(words) for words in found if not OF_ATTRIBUTES.issuperset(words)]


def _of_run(run: list[str], article: bool) -> list[list[str]]:
    """Words with none of APART among them -> phrases. article: "a" or "an" stands before them."""
    for place, word in enumerate(run):
        last = place == len(run) - 1
        verb = word not in THINGS and (word.endswith("ing") or word.endswith("ed") and last)
        if verb and (place or not article):  # "man riding", "riding"; not "a smiling man"
            return _of_run(run[:place], article) + _of_run(run[place + 1 :], False)
        if article and place and looks_plural(word):  # "a man plays guitar"
            return _of_run(run[:place], article) + _of_run(run[place + 1 :], False)
        if looks_plural(word) and not last and not article:  # "dogs play ball"
            return [run[: place + 1]] + _of_run(run[place + 2 :], False)
    return [run] if run else []
