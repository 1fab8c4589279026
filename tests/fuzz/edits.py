"""Seeded edits of files, such as a slip of the hand, a wrong tool or half a download makes."""

import io
import random
import tarfile
from copy import deepcopy

BLOCK = 512
SPECIAL = (
    b"\0", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xe9", b'"', b"'", b",", b"\t", b"\n", b"\r", b"\r\n", b"{",
    b"}", b"[", b"]", b":", b": ", b"- ", b"#", b"&a ", b"*a", b"!!python/object:os.system", b"!!set", b"%", b"<<: ",
    b"\\u", b"\\ud800", b"1e999", b"NaN", b"-", b"0", b" ", b"?", b"|", b">", b"@", b"`", b"\x85",
    b"\xe2\x80\xa8", b"9" * 5000,
)  # fmt: skip
ODD_VALUES = (
    None, True, False, 0, -1, 1, 2, 3, 7, -32, 0.5, 1.5, -0.0, 1e-30, 1e300, float("inf"), float("nan"), 2**31, 2**63,
    10**30, "", " ", "0", "-1", "1e-3", "text", "2024-05-01", "a: b", "\0", "\ud800", "../x", "/", "{}", "é" * 300, [],
    [[]], [None], [1, 2], ["text"], {}, {"a": 1}, {"type": "clip"}, {"type": "no such"}, {"": None}, {"type": 3},
    [{"id": 1}],
)  # fmt: skip


def several(edit, rng: random.Random, given):
    """The edit once, or a few times over."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        given = edit(rng, given)
    return given


def of_bytes(rng: random.Random, data: bytes) -> bytes:
    """One place changed: a byte, a few bytes more or fewer, an end, another encoding."""
    place = rng.randrange(len(data) + 1)
    few = rng.randrange(1, 6)
    return rng.choice((
        lambda: data[:place] + bytes([rng.randrange(256)]) + data[place + 1 :],
        lambda: data[:place] + rng.choice(SPECIAL) + data[place:],
        lambda: data[:place] + rng.choice(SPECIAL) + data[place + few :],
        lambda: data[:place] + data[place + few :],
        lambda: data[:place] + data[place : place + few] + data[place:],
        lambda: data[:place],
        lambda: data.decode("utf-8", "replace").encode(rng.choice(("utf-16", "utf-8-sig", "utf-32"))),
        lambda: data.replace(b"\n", rng.choice((b"\r\n", b"\r", b"\n\n"))),
        lambda: data * 2,
    ))()  # fmt: skip


def of_lines(rng: random.Random, data: bytes) -> bytes:
    """A line of a table that is gone, doubled, elsewhere, empty, or one field longer or shorter."""
    lines = data.splitlines(keepends=True) or [b"\n"]
    place, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    separator = b"\t" if b"\t" in lines[0] else b","
    line = lines.pop(place)
    put = {
        "gone": [],
        "doubled": [line, line],
        "empty": [b"\n", line],
        "longer": [line.rstrip(b"\n") + separator + b"x\n"],
    }
    put |= {
        "shorter": [line.partition(separator)[0] + b"\n"],
        "blank": [line.partition(separator)[0] + separator + b" \n"],
    }
    kind = rng.choice(("elsewhere", *put))
    if kind == "elsewhere":
        lines.insert(other, line)
    else:
        lines[place:place] = put[kind]
    return b"".join(lines)


def of_tree(rng: random.Random, tree):
    """The value of a YAML or JSON text with one node replaced, left out, renamed, doubled or wrapped. In place."""
    holder = rng.choice([holder for holder in _holders(tree) if len(holder)] or [{"": tree}])
    place = rng.choice([*holder]) if isinstance(holder, dict) else rng.randrange(len(holder))
    value = deepcopy(holder[place])
    kind = rng.choice(("replaced", "replaced", "replaced", "gone", "renamed", "doubled", "wrapped", "named", "as text"))
    if kind == "gone":
        del holder[place]
    elif kind == "doubled" and isinstance(holder, list):
        holder.append(value)
    elif kind == "renamed" and isinstance(holder, dict):
        name = str(place)
        holder[rng.choice((name + "s", name[:-1], name.upper(), "", "no such", name.replace("_", "-")))] = holder.pop(
            place
        )
    else:
        wrapped = {"wrapped": [value], "named": {"a": value}, "as text": str(value)}
        holder[place] = wrapped.get(kind, deepcopy(rng.choice(ODD_VALUES)))
    return tree


def leaves(tree):
    """Every value that is neither a mapping nor a list."""
    if isinstance(tree, (dict, list)):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from leaves(value)
    else:
        yield tree


def _holders(tree):
    if isinstance(tree, (dict, list)):
        yield tree
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from _holders(value)


# ------------------------------------------------------------------ tar files
def of_headers(rng: random.Random, data: bytes) -> bytes:
    """A member's header changed; its checksum made right again, as another tool would have written it, or not."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        start = rng.choice(archive.getmembers()).offset
    header = bytearray(data[start : start + BLOCK])
    field, first, size = rng.choice(FIELDS)
    if field == "type":
        header[first] = rng.choice(b"0123456789gxLKSDVMNX\0AZ")
    elif rng.random() < 0.5:
        header[first + rng.randrange(size)] = rng.randrange(256)
    else:
        content = rng.choice((
            b"%011o" % rng.choice((0, 1, 511, 512, 513, 1 << 20, 1 << 32)), b"\x80" + rng.randbytes(size - 1),
            b"\xff" * size, b"-1", b"99999999999", b"./" + bytes(header[first : first + size]), b"a/../b.png",
            b"\xff\xfe.png", b" ",
        ))  # fmt: skip
        header[first : first + size] = content[:size].ljust(size, b"\0")
    if field != "checksum" and rng.random() < 0.8:
        header[148:156] = b"%06o\0 " % tarfile.calc_chksums(header.ljust(BLOCK, b"\0"))[0]
    return data[:start] + bytes(header) + data[start + BLOCK :]


FIELDS = (
    ("name", 0, 100), ("name", 0, 30), ("mode", 100, 8), ("owner", 108, 8), ("size", 124, 12), ("size", 124, 12),
    ("time", 136, 12), ("checksum", 148, 8), ("type", 156, 1), ("type", 156, 1), ("link", 157, 100), ("magic", 257, 8),
    ("prefix", 345, 155),
)  # fmt: skip


def of_members(rng: random.Random, data: bytes) -> bytes:
    """Members gone, twice, elsewhere or of another kind; archives behind one another; an end that is cut."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = [(member, archive.extractfile(member).read()) for member in archive]
    place = rng.randrange(len(members))
    member, content = members[place]
    cut = rng.randrange(len(data))
    kind = rng.choice(("gone", "twice", "elsewhere", "link", "empty", "folder", "pax", "cut", "behind", "behind cut"))
    if kind in ("cut", "behind", "behind cut"):
        return {"cut": data[:cut], "behind": data + bytes(BLOCK) * rng.randrange(3), "behind cut": data + data[:cut]}[
            kind
        ]
    del members[place]
    if kind == "twice":
        members += [(member, content), (member, content)]
    elif kind == "elsewhere":
        members.insert(rng.randrange(len(members) + 1), (member, content))
    elif kind != "gone":
        if kind == "link":
            member.type, member.linkname = rng.choice((b"1", b"2")), rng.choice((member.name, "no such", "../..", ""))
        elif kind == "folder":
            member.type = tarfile.DIRTYPE
        elif kind == "pax":
            names = ("path", "size", "mtime", "GNU.sparse.major", "GNU.sparse.map", "hdrcharset", "comment")
            member.pax_headers = {rng.choice(names): rng.choice(("", "-1", "x", "1", "0", "9" * 30, "é", "1,2,3"))}
        content = b"" if kind in ("link", "empty", "folder") else content
        members.insert(place, (member, content))
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=rng.choice((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT))) as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()
