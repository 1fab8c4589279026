"""The rules that stand in for a T5, and what becomes of shards."""

import json
import re
from collections import Counter

import pytest

from tandemclip.core.data.sources.shard_writer import write_shard
from tandemclip.core.data.sources.shards import Shards
from tandemclip.core.errors import UserError
from tandemclip.core.preparation.summaries import add_summaries, by_rules, central, shortened


@pytest.mark.parametrize(
    "caption, summary",
    [
        # attributes, and the article that is left
        ("A black and white dog is jumping through a black and white hoop .", "A dog is jumping through a hoop."),
        ("An old man in a blue outfit walks his small brown dog", "A man in an outfit walks his dog"),
        ("The little old lady holds three red , yellow and green balloons", "The lady holds three balloons"),
        # not where they stand alone or belong to another word
        ("A woman in red and a man in white are dancing", "A woman in red and a man in white are dancing"),
        ("A dark-haired 8 year old boy and a red-nosed clown", "A dark-haired 8 year old boy and a red-nosed clown"),
        ("The man is holding up something that is very red.", "The man is holding up something"),
        # clauses, but not so early that nothing is left
        ("A group of girls stand together while one girl takes a picture .", "A group of girls stand together"),
        ("A man who is skiing down falls because of a rock in the snow", "A man who is skiing down falls"),
        ("Dogs which bark at whatever moves in the street", "Dogs which bark at whatever moves in the street"),
        # pauses
        ("A family of nine people , including four children , pose outside", "A family of nine people pose outside"),
        ("In the park , a man runs along the road with his dog", "a man runs along the road with his dog"),
        ("A boy in a shirt runs home , laughing", "A boy in a shirt runs home"),
        ("A crowd of 10,000 people - a record - fills the square", "A crowd of 10,000 people fills the square"),
        # asides and further sentences
        ("Sunset over the harbour (taken from our hotel room) in Lisbon [HDR]", "Sunset over the harbour in Lisbon"),
        ("(taken from our hotel room last night) Lisbon", "(taken from our hotel room last night) Lisbon"),
        ("We went to the beach yesterday. It was lovely! More on my blog.", "We went to the beach yesterday."),
        ("Mr. Smith and his dog walk to the station", "Mr. Smith and his dog walk to the station"),
        # short ones are summaries already
        ("A small red car", "A small red car"),
        ("  two   white dogs , playing  in snow ", "two white dogs , playing in snow"),
        ("", ""),
        ("...", "..."),
        ("Ein großer brauner Hund läuft über die Wiese", "Ein großer brauner Hund läuft über die Wiese"),
        ("一只棕色的狗 (在海滩上)", "一只棕色的狗 (在海滩上)"),
    ],
)  # fmt: skip
def test_rules(caption, summary):
    assert shortened(caption) == summary


def test_on_real_captions_words_only_go(shared):
    captions = (shared / "data" / "captions.txt").read_text().splitlines()[:3000]
    words = lambda text: [word for word in re.findall(r"\w+", text.lower()) if word not in ("a", "an")]
    kept, all_of_them = 0, 0
    for caption in captions:
        summary = shortened(caption)
        rest = iter(words(caption))
        assert all(word in rest for word in words(summary)), (caption, summary)  # in the caption's order
        assert len(words(summary)) >= min(2, len(words(caption)))
        assert shortened(caption) == summary
        kept, all_of_them = kept + len(words(summary)), all_of_them + len(words(caption))
    assert 0.6 < kept / all_of_them < 0.9


def test_the_central_caption_shares_most_words():
    captions = ["A dog runs", "The brown dog runs on a beach", "A brown dog runs on sand", "Someone surfs"]

    def overlap(i):
        sets = [set(caption.lower().split()) for caption in captions]
        return sum(len(sets[i] & sets[j]) / len(sets[i] | sets[j]) for j in range(4) if j != i)

    assert central(captions) == captions[max(range(4), key=overlap)] == captions[2]
    assert central(["one", "two", "three"]) == "one"
    assert central(["!", "?"]) == "!"


# ------------------------------------------------------------------ whole shards
def sample(key, captions=None, **more):
    return key, {"jpg": key.encode(), "json": json.dumps({"captions": captions, **more}, ensure_ascii=False).encode()}


def test_shards_get_a_summary_and_keep_the_rest(tmp_path):
    kite = "A red kite is flying high above the sea"
    samples = [sample(f"{i}", [kite.replace("is", f"{i} is"), "no", " "], id=i, summary="old") for i in range(70)]
    samples += [("txt", {"jpg": b"t", "txt": kite.encode() + b"\n"}), sample("none", []), sample("empty", [""])]
    samples += [("half", {"jpg": b"h", "json": b'{"captions": ["caf\\u00e9 \\ud83d"]}'})]
    samples += [("bad", {"jpg": b"b", "json": b"[1]"}), sample("odd", 5)]
    samples += [sample("späť", ["Malý červený šarkan letí vysoko nad morom"])]
    write_shard(tmp_path / "in" / "a.tar", samples)
    done = add_summaries([str(tmp_path / "in" / "a.tar")], tmp_path / "out", "rules", by_rules)
    assert done.counts == {"samples": 77, "summaries": 73}
    assert list(done.accounts[1].lines()) == [
        "described: 73 of 77 samples read",
        "  passed over, it has no caption (2: none, empty)",
        "  passed over, its captions cannot be read (2: bad, odd)",
    ]
    source = Shards(str(tmp_path / "out" / "a.tar"))
    assert [source[i].summary for i in (0, 69, 70)] == [
        f"A kite {n}is flying high above the sea" for n in ("0 ", "69 ", "")
    ]
    assert source[70].captions == (kite,)
    assert [source[i].summary for i in (71, 72)] == [None, None]
    assert source[73].captions == (source[73].summary,) and source[73].summary.startswith("caf\u00e9")
    assert source[76].summary == source[76].captions[0] == "Malý červený šarkan letí vysoko nad morom"
    assert [source[i].image for i in range(73)] == [contents["jpg"] for _, contents in samples[:73]]
    assert source[0].captions[1] == "no"


def test_captions_go_to_the_model_in_order_and_empty_answers_are_none(tmp_path):
    write_shard(tmp_path / "in" / "a.tar", [sample(f"{i}", [f"caption {i}"] if i % 3 else []) for i in range(50)])
    asked = Counter()

    def model(texts):
        asked.update(texts)
        return ["" if text.endswith("7") else text.upper() for text in texts]

    done = add_summaries([str(tmp_path / "in" / "a.tar")], tmp_path / "out", "upper", model)
    assert done.counts == {"samples": 50, "summaries": 29}
    passed_over = {reason: named.count for reason, named in done.accounts[1].passed_over.items()}
    assert passed_over == {"it has no caption": 17, "its summary is empty": 4}
    source = Shards(str(tmp_path / "out" / "a.tar"))
    expected = [f"CAPTION {i}" if i % 3 and i % 10 != 7 else None for i in range(50)]
    assert [source[i].summary for i in range(50)] == expected
    assert asked == Counter(f"caption {i}" for i in range(50) if i % 3)
    with pytest.raises(UserError, match='by "upper", and this is "rules"'):
        add_summaries([str(tmp_path / "in" / "a.tar")], tmp_path / "out", "rules", by_rules)
