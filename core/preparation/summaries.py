"""Summary S of a sample's captions: by rules, which stand in for the paper's T5, or by a T5 (PyramidCLIP 3.2, 4.1).

A summary condenses the caption and drops what is redundant or overly detailed. Where there are several captions one of
them is condensed, the most central: it shares most words with the others, so that it says what people agree on.
"""

import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from tandemclip.core.data.sources.shard_facts import captions_of
from tandemclip.core.data.texts import utf8
from tandemclip.core.preparation.rewrite import Rewritten, Sample, Told, as_json, facts, rewrite

UNREADABLE = "its captions cannot be read"
NO_CAPTION = "it has no caption"
EMPTY = "its summary is empty"
BATCH = 32  # captions summarised at once
SHORTEST = 3  # words that must be left; a caption of no more than twice as many stays as it is: it is a summary already

ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=\w)")
PAUSE = re.compile(r"\s*[,;:]\s+|\s+[-–—]\s+")
# A clause that says more about something begins with one of these.
CLAUSE = re.compile(r"\b(?:who|whom|whose|which|that|while|whilst|when|where|because|although|though)\b", re.I)
ATTRIBUTES = (
    "red orange yellow green blue purple pink brown black white grey gray tan blond blonde golden silver colorful "
    "colourful bright dark light striped plaid big large huge giant small little tiny tall short long old young "
    "elderly new beautiful pretty nice cute lovely wooden metal plastic very"
).split()
# Words that tell that the attribute before them stands alone, as in "a woman in red and ...", or is part of another
# one.
FUNCTION = (
    "a an the and or but in on at of with without to from by for as is are was were be has have into over under near "
    "behind beside next through while who which that colored coloured haired skinned"
).split()
_ONE, _NO_NOUN = rf"(?:{'|'.join(ATTRIBUTES)})", rf"(?:{'|'.join(FUNCTION)})\b"
ADJECTIVES = re.compile(
    rf"(?<![\w-])(?<!year )(?<!years )(?:(an?)\s+)?{_ONE}(?:(?:\s*,\s*|\s+and\s+|\s+){_ONE})*\s+(?!{_NO_NOUN})(?=(\w))",
    re.I,
)


def add_summaries(patterns: list[str], out: Path, by: str, summarise: Callable[[list[str]], list[str]]) -> Rewritten:
    """Shards with captions -> the same shards with a "summary" in NNN.json, in place of one that may be there.

    by: names what `summarise` does; a folder begun by one is not gone on with by another. Counts "samples" and
    "summaries"; samples that cannot be read, or get no summary, are passed over.
    """
    return rewrite(patterns, out, {"command": "summaries", "by": by}, lambda *given: _summarised(summarise, *given))


def by_rules(captions: list[str]) -> list[str]:
    return [shortened(caption) for caption in captions]


def central(captions: list[str]) -> str:
    """The caption that shares most words with the others: the largest mean |A and B| / |A or B|, the first of
    equals.
    """
    words = [set(re.findall(r"\w+", caption.lower())) for caption in captions]
    overlap = [sum(len(own & other) / max(len(own | other), 1) for other in words) for own in words]
    return captions[overlap.index(max(overlap))]


def shortened(caption: str) -> str:
    """Dropped one after the other: what stands in brackets, sentences after the first, attributes of colour, size, age
    and the like, what stands between pauses or after one, subordinate clauses.

    No step is taken that would leave fewer than 3 words, and a caption of at most 6 stays as it is.
    """
    text = " ".join(caption.split())
    if _count(text) <= 2 * SHORTEST:
        return text
    steps = (
        lambda t: ASIDE.sub(" ", t),
        lambda t: _up_to(SENTENCE, t),
        lambda t: ADJECTIVES.sub(_article, t),
        _without_pauses,
        lambda t: _up_to(CLAUSE, t),
    )
    for step in steps:
        shorter = re.sub(r"\s+(?=[,.;:!?]|$)|\s+(?=\s)", "", step(text)).strip(" ,;:-–—")
        text = shorter if _count(shorter) >= SHORTEST else text
    return text


def _count(text: str) -> int:
    return len(re.findall(r"\w+", text))


def _without_pauses(text: str) -> str:
    """ "A, B, C" -> "A C", as B is an apposition; "A, B" -> the longer of the two, the first of equals."""
    parts = PAUSE.split(text)
    if len(parts) == 2:
        return max(parts, key=_count)
    return f"{parts[0]} {parts[-1]}" if len(parts) > 2 else text


def _up_to(pattern: re.Pattern, text: str) -> str:
    """What stands before the first match that leaves enough in front of it."""
    starts = (match.start() for match in pattern.finditer(text))
    return next((text[:start] for start in starts if _count(text[:start]) >= SHORTEST), text)


def _article(match: re.Match) -> str:
    """What stands for attributes: nothing, or the article that the next word wants."""
    if match[1] is None:
        return ""
    article = "an " if match[2].lower() in "aeiou" else "a "
    return article.capitalize() if match[1][0].isupper() else article


def _summarised(summarise, samples: Iterator[Sample], told: Told) -> Iterator[Sample]:
    while batch := list(islice(samples, BATCH)):
        found = [_facts(key, contents, told) for key, contents in batch]
        chosen = [central(captions) if captions else None for _, captions in found]
        wanted = [caption for caption in chosen if caption]
        summaries = iter(summarise(wanted) if wanted else ())
        for (key, contents), (said, _), caption in zip(batch, found, chosen):
            summary = next(summaries) if caption else ""
            if summary:
                told.counts["summaries"] += 1
                contents = {**contents, "json": as_json({**said, "summary": summary})}
            elif caption:
                told.passed_over.add(EMPTY, key)
            yield key, contents


def _facts(key: str, contents: dict[str, bytes], told: Told) -> tuple[dict, list[str]]:
    """What the json says, and the captions that are not empty."""
    try:
        said = facts(contents)
        txt = contents.get("txt")
        captions = list(captions_of(said, None if txt is None else utf8(txt), []))
    except (TypeError, ValueError):
        told.passed_over.add(UNREADABLE, key)
        return {}, []
    if not captions:
        told.passed_over.add(NO_CAPTION, key)
    return said, captions
