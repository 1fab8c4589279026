"""Concept: a noun phrase in one form, so that "a dog", "The dogs" and the class "dog" are the same one."""

import re
from collections.abc import Iterable, Iterator

WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve dozen hundred".split()
# What stands before a phrase and says which or how many, and not what.
WHICH = frozenset(
    "a an the this that these those my your his her its our their whose some any many several few both all each every "
    "another other no such more most various".split()
    + NUMBERS
)
PRONOUNS = frozenset(
    "i me you he him she it we us they them who whom what which himself herself itself themselves one ones other "
    "others someone somebody something anyone anybody anything everyone everybody everything nobody nothing "
    "there".split()
)
IRREGULAR = {
    "men": "man", "women": "woman", "children": "child", "people": "person", "feet": "foot", "teeth": "tooth",
    "geese": "goose", "mice": "mouse", "leaves": "leaf", "wolves": "wolf", "knives": "knife", "shelves": "shelf",
    "calves": "calf", "loaves": "loaf", "scarves": "scarf", "wives": "wife", "lives": "life", "halves": "half",
    "cookies": "cookie", "movies": "movie", "ties": "tie", "pies": "pie", "buses": "bus", "gases": "gas",
    "shoes": "shoe", "toes": "toe", "canoes": "canoe", "axes": "axe", "aches": "ache", "moustaches": "moustache",
}  # fmt: skip
# What looks plural and is one thing, or has no other number.
ALIKE = frozenset(
    "series species news lens canvas christmas pants jeans scissors glasses sunglasses specimen abdomen ramen".split()
)
ENDINGS = (
    ("men", "man"), ("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"), ("zzes", "zz"),
    ("oes", "o"), ("s", ""),
)  # fmt: skip


def concept(phrase: str) -> str:
    """In small letters, without what says which or how many, its last word singular; "" where nothing is left."""
    words = [word.replace("’", "'") for word in WORD.findall(phrase.lower())]
    while words and (words[0] in WHICH or words[0].isdecimal()):
        del words[0]
    if not words or len(words) == 1 and words[0] in PRONOUNS:
        return ""
    return " ".join([*words[:-1], singular(words[-1])])


def of_class(name: str) -> str:
    """A class's name as a concept. One that says only how many ("7") stays what it is."""
    return concept(name) or " ".join(WORD.findall(name.lower())) or name


def singular(noun: str) -> str:
    """By irregular forms, then by the ending. "woods" becomes "wood": no rule knows what is meant."""
    if noun in IRREGULAR:
        return IRREGULAR[noun]
    if not looks_plural(noun):
        return noun
    many, one = next(ending for ending in ENDINGS if noun.endswith(ending[0]))
    return noun.removesuffix(many) + one


def looks_plural(word: str) -> bool:
    if word in IRREGULAR:
        return True
    if len(word) < 4 or word in ALIKE:
        return False
    return word.endswith("men") or word.endswith("s") and not word.endswith(("ss", "us", "is"))


def parts(concept: str, longest: int) -> Iterator[str]:
    """All runs of 1 to `longest` words of it, each once."""
    words = concept.split()
    yield from {
        " ".join(words[start : start + length])
        for length in range(1, min(longest, len(words)) + 1)
        for start in range(len(words) - length + 1)
    }


def vocabulary(concepts: Iterable[str]) -> set[str]:
    """The words that they are made of."""
    return {word for each in concepts for word in each.split()}
