"""A WordNet of a few senses, in the official layout: wndb(5)."""

LICENCE = "  1 This is no licence, but it stands where one does: two spaces first.  \n  2 dog n 1  \n"
# part of speech: the words of each sense
SENSES = {
    "noun": [["dog", "Canis_familiaris"], ["frump", "dog"], ["child", "kid"], ["church", "building"], ["a", "ampere"]],
    "verb": [["run", "go", "dash"], ["love", "adore"], ["dog", "chase", "tail"]],
    "adj": [["big", "large"], ["asleep(p)", "sleeping"]],
    "adv": [["quickly", "fast"], [f"so_{letter}" for letter in "abcdefghijkl"]],  # 12 words: 0c, in hexadecimal
}
EXCEPTIONS = {"noun": "children child\n", "verb": "ran run\nrunning run\n"}


def write(folder, exceptions=EXCEPTIONS, senses=SENSES, kinds=None):
    """All files into a folder, which is made -> the folder.

    kinds: {the first word of a noun's sense: those of what it is a kind of, "@place" of what it is a case of}; None:
    each points to something that is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for part, groups in senses.items():
        data, offsets, places = LICENCE, {}, {"#nowhere": "00000000"}
        for words in groups:
            for word in words:
                offsets.setdefault(word.partition("(")[0].lower(), []).append(len(data))
            listed = " ".join(f"{word} 0" for word in words)
            above = ["nowhere"] if kinds is None or part != "noun" else kinds.get(words[0], [])
            pointers = "".join(f" {'@i' if name[0] == '@' else '@'} {_place(name)} n 0000" for name in above)
            places[_place(words[0])] = f"{len(data):08}"
            data += f"{len(data):08} 05 {part[0]} {len(words):02x} {listed} {len(above):03}{pointers} | so it is  \n"
        for place, offset in places.items():
            data = data.replace(place, offset)
        index = "".join(
            f"{word} {part[0]} {len(at)} 2 @ ~ {len(at)} 0 {' '.join(f'{each:08}' for each in at)}  \n"
            for word, at in sorted(offsets.items())
        )
        (folder / f"data.{part}").write_text(data)
        (folder / f"index.{part}").write_text(LICENCE + index)
    for part, lines in exceptions.items():
        (folder / f"{part}.exc").write_text(lines)
    return folder


def _place(name):
    """Of a sense that is not yet written, as long as the offset that it will have."""
    return f"#{name.lstrip('@'):_<7.7}"
