"""What `tools/prepare.py check` tells of a data set."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tandemclip.core.console.progress import Progress
from tandemclip.core.data.account import Account, Tally
from tandemclip.core.data.records import reason_of
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.views.text import TextView
from tandemclip.core.preparation.check import Findings, Reader, stretches, text_hash, together
from tandemclip.core.training.config import Config
from tandemclip.core.training.start import tokenizer_of

DECODED = "decoded"
MANY_CUT = 0.01  # of all captions
MANY_EQUAL = 0.05  # of the rows of a batch


def check(config: Config) -> dict:
    """Reads `data.train` once with `data.workers` processes -> everything that `rows` shows, ready for JSON."""
    source, method = config.data.train, config.method
    texts = [view for view in method.views().values() if isinstance(view, TextView)]
    length = method.text.context_length if texts else 0
    reader = Reader(source, tokenizer_of(config), length, any(view.field != "objects" for view in texts))
    parts = []
    with Progress("read", len(source)) as progress:
        for part in stretches(reader, config.data.workers):
            parts.append(part)
            progress.advance(len(part.bad) + part.sizes.total())
    found = together(parts)
    good = len(source) - len(found.bad)
    batch = min(config.training.batch_size, good)
    report = {
        "records": len(source),
        "bad": [{"number": number, "key": key, "why": why} for number, key, why in found.bad],
        "accounts": [account.to_json() for account in (*source.account(), _decoded(source, found))],
        "images": _images(found),
        "batch_size": batch,
    }
    if texts:
        report["captions"] = _captions(found, reader)
        report["captions"]["equal_ones_are_negatives"] = any(view.targets == "pairs" for view in texts)
        report["captions"]["targets_can_be_set"] = hasattr(method, "targets")
    if len(found.captions):
        report["captions"]["equal_pairs_in_a_batch"] = expected_pairs(equal_captions(found.captions), good, batch)
    if found.labels:
        report["labels"] = _labels(found, source)
        equal = sum(count * (count - 1) / 2 for count in found.labels.values())
        report["labels"]["equal_pairs_in_a_batch"] = expected_pairs(equal, good, batch)
    return report


def _decoded(source: Source, found: Findings) -> Account:
    passed = Tally()
    for _, key, why in found.bad:
        passed.add(reason_of(why), key)
    return Account(DECODED, "records", len(source), len(source) - passed.total, passed.counts, found.remarks.counts)


def expected_pairs(equal: float, records: int, batch: int) -> float:
    """The expected number of pairs of rows that are equal, in a batch of `batch` records drawn without replacement.

    equal: the sum, over all pairs of the records, of the probability that the two are equal. Every pair is in the batch
    with the probability batch (batch - 1) / (records (records - 1)). Each such pair is a false negative, in both
    directions.
    """
    return equal * batch * (batch - 1) / (records * (records - 1)) if records > 1 else 0.0


def equal_captions(captions: np.ndarray) -> float:
    """[rows] CAPTION -> the sum over pairs of records of the probability that captions drawn of the two are equal.

    With p[i, t] the share of text t among record i's captions: sum over i < j and t of p[i, t] p[j, t], which is the
    half of sum over t of (sum over i of p)^2 - sum over i of p^2.
    """
    _, text = np.unique(captions["text"], return_inverse=True)
    share = captions["times"] / captions["of"]
    return float((np.bincount(text, share) ** 2 - np.bincount(text, share**2)).sum() / 2)


def _images(found: Findings) -> dict:
    heights, widths = zip(*found.sizes) if found.sizes else ((0,), (0,))
    rate = found.decoded / found.seconds if found.seconds else 0.0
    return {
        "height": [min(heights), max(heights)],
        "width": [min(widths), max(widths)],
        "read_and_decoded_per_second_by_one_process": rate,
    }


def _labels(found: Findings, source: Source) -> dict:
    """By class: how many records; classes that have none (where names are not known, gaps in the numbers); names of
    several.

    A class is called by its number, behind the place of its source where there are several.
    """
    without, shared = [], []
    for space, names in source.class_spaces().items():
        present = {label for its, label in found.labels if its == space}
        absent = sorted(set(range(max(len(names), max(present, default=-1) + 1))) - present)
        without += [f"{space}{label} ({names[label]})" if label < len(names) else f"{space}{label}" for label in absent]
        times = Counter(name.casefold() for name in names)
        shared += [f"{space}{label} ({name})" for label, name in enumerate(names) if times[name.casefold()] > 1]
    records = {f"{space}{label}": count for (space, label), count in sorted(found.labels.items())}
    return {"records": records, "without_images": without, "of_one_name": shared}


def _captions(found: Findings, reader: Reader) -> dict:
    times = found.captions["times"]
    texts, text = np.unique(found.captions["text"], return_inverse=True)
    counts = np.bincount(text, times).astype(int)
    total = int(times.sum())
    report = {"count": total, "empty": found.empty, "cut": found.cut, "context_length": reader.context_length}
    report["repeated"] = total - len(texts)
    if report["repeated"]:
        most = int(counts.argmax())
        record = int(found.captions["record"][text == most][0])
        report["most_frequent"] = {"caption": _caption(reader, record, int(texts[most])), "times": int(counts[most])}
    return report


def _caption(reader: Reader, record: int, text: int) -> str:
    captions = reader.source[record].captions
    return next(caption for caption, ids in zip(captions, reader.ids(captions)[0]) if text_hash(ids) == text)


def rows(report: dict) -> Iterator[tuple[str, str]]:
    """(what, how much), for people."""
    images, captions, labels = report["images"], report.get("captions"), report.get("labels")
    batch = f"in a batch of {report['batch_size']}, expected"
    yield "records", f"{report['records']:,}"
    yield "that cannot be used", f"{len(report['bad']):,}"
    yield "height, width", "{} to {}, {} to {}".format(*images["height"], *images["width"])
    yield "read and decoded by one process", f"{images['read_and_decoded_per_second_by_one_process']:,.0f} images/s"
    if captions:
        yield "captions", f"{captions['count']:,}"
        yield "empty captions", f"{captions['empty']:,}"
        yield f"captions cut at {captions['context_length']} tokens", f"{captions['cut']:,}"
        yield "captions that were there before", f"{captions['repeated']:,}"
        if "most_frequent" in captions:
            yield f"{captions['most_frequent']['times']:,} times", captions["most_frequent"]["caption"]
        if "equal_pairs_in_a_batch" in captions:
            yield f"pairs of equal captions {batch}", f"{captions['equal_pairs_in_a_batch']:.3g}"
    if labels:
        counts = labels["records"]
        yield "classes", f"{len(counts):,}, with {min(counts.values()):,} to {max(counts.values()):,} images"
        yield "classes without images", ", ".join(labels["without_images"]) or "none"
        yield "classes that share a name", ", ".join(labels["of_one_name"]) or "none"
        yield f"pairs of equal labels {batch}", f"{labels['equal_pairs_in_a_batch']:.3g}"


def advice(report: dict, bad_records: Path) -> str:
    """What to do, in one line. bad_records: the list that training can be given."""
    captions, todo = report.get("captions"), []
    if len(report["bad"]) * 2 > report["records"]:
        todo.append("more than half of the records cannot be used: repair the data before training")
    elif report["bad"]:
        todo.append(f"train with --set data.bad_records={bad_records}")
    if captions and captions["cut"] > MANY_CUT * captions["count"]:
        todo.append(
            f"{captions['cut'] / captions['count']:.0%} of the captions are cut: raise method.text.context_length"
        )
    for account in report["accounts"]:
        passed = account["all"] - account["read"]
        if passed and account["unit"] != "records":  # a part of a source leaves out what it is meant to
            todo.append(f"{passed:,} {account['unit']} of {account['of']} were passed over, see above")
    many_equal = captions and 2 * captions.get("equal_pairs_in_a_batch", 0) > MANY_EQUAL * report["batch_size"]
    if many_equal and captions["equal_ones_are_negatives"]:
        option = "set method.targets=texts, or " if captions["targets_can_be_set"] else ""
        todo.append(f"many captions of a batch are equal: {option}use more varied captions, or a smaller batch")
    if report.get("labels", {}).get("of_one_name"):
        todo.append("classes that share a name cannot be told apart by a text: rename them, or make them one")
    return "; ".join(todo) or "nothing stands in the way of training"
