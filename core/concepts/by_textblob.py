"""Noun phrases by textblob's tagger, whose lexicon lies in the package: nothing has to be downloaded.

textblob's own `noun_phrases` wants corpora of NLTK. Here the tags are read by a pattern instead.
"""

import re

from tandemclip.core.concepts.finder import Finder, Missing
from tandemclip.core.console.versions import how_to_install, installed

# A letter for each tag of the Penn Treebank. A: a, an. D: what else says which or how many. J: adjective. V: -ing, -ed.
# N: noun. S: plural noun. C: and, or. #: number.
LETTERS = {"DT": "D", "PDT": "D", "PRP$": "D", "CD": "#", "JJ": "J", "JJR": "J", "JJS": "J", "VBG": "V", "VBN": "V"}
LETTERS |= {"NN": "N", "NNP": "N", "NNS": "S", "NNPS": "S", "CC": "C"}
# "a smiling man", "black and white dogs", "soccer ball"; "a red seven", where nothing follows that the number counts.
# -ing and -ed belong to a phrase only behind A, D, J or a number.
PHRASE = re.compile(r"(?:(?:(?<=[ADJ#])V|J)(?:CJ)*)*[NS]+|J+#(?![JVNS#])")


def finder() -> Finder:
    """Raises Missing."""
    try:
        from textblob.en import tag
    except ModuleNotFoundError as error:
        how = how_to_install("phrases")
        raise Missing(f"the package {error.name} is not installed: {how}") from error
    return Finder(f"textblob {installed('textblob')}", lambda captions: (phrases(tag(each)) for each in captions))


def phrases(tagged: list[tuple[str, str]]) -> list[str]:
    """(word, tag) of a caption -> its noun phrases."""
    letters = "".join(
        "A" if word.lower() in ("a", "an") else LETTERS.get(tag.partition("-")[0], "-") for word, tag in tagged
    )
    spans = ((match.start(), _end(letters, match)) for match in PHRASE.finditer(letters))
    return [" ".join(word for word, _ in tagged[start:end]) for start, end in spans]


def _end(letters: str, match: re.Match) -> int:
    """Behind "a", a plural after a noun is a verb that the tagger took for a noun: "a skater jumps"."""
    verb = match.group().find("NS")
    return match.start() + verb + 1 if verb >= 0 and letters[: match.start()].endswith("A") else match.end()
