"""Ten million records: the first batch costs what its own records cost, wherever it stands in the run."""

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from tandemclip.core.data.account import Account, Named
from tandemclip.core.data.sources import file_cache, shard_index

SHARDS, RECORDS = 100, 100_000  # of each shard

PROGRAM = """
import json, sys
from collections import Counter

opened = Counter()
sys.addaudithook(lambda event, args: event == "open" and opened.update([str(args[0])]))

from tandemclip.core.data.tokenizers.clip import ClipTokenizer
from tandemclip.core.data.loading.loader import batches
from tandemclip.core.data.sources.shards import Shards
from tandemclip.core.data.views.image import ImageView
from tandemclip.core.data.views.text import TextView

def bytes_read():
    with open("/proc/self/io") as file:
        return int(file.readline().split()[1])

views = {"image": ImageView(32), "text": TextView("caption", 16)}
tokenizer, source, report = ClipTokenizer(), Shards(sys.argv[1]), []
for position in map(int, sys.argv[2:]):
    before = bytes_read()
    steps = {"start_step": position // 250, "stop_step": 10**6}
    with batches(source, views, tokenizer, batch_size=250, seed=0, **steps) as loader:
        next(loader)
    report.append(bytes_read() - before)
with open("/proc/self/status") as file:  # not ru_maxrss: a child's starts at what its parent held
    memory = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
engines = [name for name in ("torch", "mindspore") if name in sys.modules]
before = bytes_read()
(account,) = source.account()
report.append(bytes_read() - before)
indices = [count for path, count in opened.items() if path.endswith(".index.npy")]
print(json.dumps({"count": len(source), "read": report, "memory": memory, "engines": engines, "indices": indices,
                  "account": account.to_json()}))
"""


@pytest.fixture(scope="module")
def ten_million(tmp_path_factory):
    """Sparse tar files, all records of which lie in the same photo. One index under a hundred names: a file of 9 MB."""
    folder = tmp_path_factory.mktemp("large")
    image = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8))[1].tobytes()
    facts = json.dumps({"captions": ["a dog runs over the grass"]}).encode()
    spans = {"image": (0, len(image)), "json": (len(image), len(facts))}
    index = shard_index._array({f"{number:08d}": spans for number in range(RECORDS)})
    account = shard_index.as_array(Account("x.tar", "m", 2 * RECORDS + 1, 2 * RECORDS, {"odd": Named(1, ("a",))}))
    for number in range(SHARDS):
        path = folder / f"{number:04d}.tar"
        path.write_bytes(image + facts)
        os.truncate(path, 1 << 30)
        shard = file_cache.stamp(str(path))
        file_cache.store(file_cache.places(shard, "account")[0], account)
        place = file_cache.places(shard, "index")[0]
        if number == 0:
            file_cache.store(place, index)
            first = place
        else:
            os.link(first, place)
    return folder / "*.tar"


def run(pattern, *positions):
    command = [sys.executable, "-c", PROGRAM, pattern, *map(str, positions)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize("position", [0, 9_000_000])
def test_the_first_batch_is_quick_from_any_position(ten_million, position):
    found = run(ten_million, position)
    assert found["count"] == 10_000_000 and found["engines"] == []
    assert found["memory"] < 300e6
    # A batch or three (the loader is ahead by two) of 250 records of 3 kB and their entries, and the heads of all
    # indices.
    assert found["read"][0] < 6e6
    assert found["account"]["all"] == 20_000_100 and found["account"]["passed_over"]["odd"]["count"] == 100
    assert found["read"][1] < 1e6  # the accounts of all shards
    assert len(found["indices"]) == SHARDS and max(found["indices"]) <= 5


def test_memory_does_not_grow_along_the_run(ten_million):
    """Each batch is of other shards."""
    found = run(ten_million, *range(0, 10_000_000, 1_000_000))
    assert found["memory"] < 300e6
    assert max(found["read"]) < 6e6
