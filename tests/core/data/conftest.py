"""Small tar shards, written as anybody would write them."""

import io
import json
import tarfile

import cv2
import numpy as np
import pytest

from tandemclip.core.data.account import Account
from tandemclip.core.data.sources import file_cache, shard_index


def jpeg(seed, height=20, width=30):
    pixels = np.random.default_rng(seed).integers(0, 255, (height // 5 + 1, width // 5 + 1, 3), np.uint8)
    return cv2.imencode(".jpg", cv2.resize(pixels, (width, height)))[1].tobytes()


@pytest.fixture
def write_tar():
    """write_tar(path, {member name: bytes or what becomes json})"""

    def write(path, members):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path, "w") as archive:
            for name, content in members.items():
                data = content if isinstance(content, bytes) else json.dumps(content).encode()
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        return str(path)

    return write


@pytest.fixture
def write_shards(write_tar):
    """write_shards(folder, count, per_shard, broken): captions are "number N"; those in `broken` are no image."""

    def write(folder, count, per_shard=100, broken=()):
        for shard, first in enumerate(range(0, count, per_shard)):
            members = {}
            for number in range(first, min(first + per_shard, count)):
                members[f"{number:06d}.jpg"] = b"no image" if number in broken else jpeg(number)
                members[f"{number:06d}.json"] = {"captions": [f"number {number}"], "label": number}
            write_tar(folder / f"{shard:04d}.tar", members)
        return str(folder / "*.tar")

    return write


@pytest.fixture
def write_pointers():
    """write_pointers(path, count, broken): a file and an index whose records all lie in the same few bytes, so that
    many are made in no time. Labels are the numbers of the records; those in `broken` have a json that is none."""

    def write(path, count, broken=()):
        image = jpeg(0)
        path.write_bytes(image + b"{" + b"".join(b"%08d" % number for number in range(count)))
        places = {
            f"{number:08d}": {"image": (0, len(image)), "cls": (len(image) + 1 + 8 * number, 8)}
            for number in range(count)
        }
        for number in broken:
            places[f"{number:08d}"]["json"] = (len(image), 1)
        shard = file_cache.stamp(str(path))
        file_cache.store(file_cache.places(shard, "index")[0], shard_index._array(places))
        account = Account(path.name, shard_index.UNIT, 2 * count, 2 * count)
        file_cache.store(file_cache.places(shard, "account")[0], shard_index.as_array(account))
        return str(path)

    return write
