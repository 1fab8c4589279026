"""The file that holds what metrics are made of."""

import numpy as np
import pytest
import safetensors.numpy

from tandemclip.core import statistics_file
from tandemclip.core.errors import UserError
from tandemclip.core.hits import Hits
from tandemclip.core.scored import AveragePrecision, RocAuc
from tandemclip.core.statistic import percent


def test_they_are_read_as_they_were_written(tmp_path):
    file = tmp_path / "hits.safetensors"
    written = {
        "t2i/R@10": Hits(np.array([0, 3, 5]), np.array([5, 5, 5])),
        "b": Hits(np.array([True, False]), np.ones(2)),
        "mean_per_class": Hits(np.array([True, False]), np.array([True, True]), np.array([1 / 3, 1 / 7])),
    }
    statistics_file.save(file, written)
    found = statistics_file.load(file)
    assert found["t2i/R@10"].right.tolist() == [0, 3, 5] and found["t2i/R@10"].asked.tolist() == [5, 5, 5]
    assert percent(found) == percent(written)
    assert found["mean_per_class"].weights.tolist() == [1 / 3, 1 / 7] and found["b"].asked.dtype == np.int32
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(UserError, match="hits.safetensors cannot be read"):
        statistics_file.load(file)


def test_a_file_of_before_there_were_weights(tmp_path):
    file = tmp_path / "hits.safetensors"
    file.write_bytes(safetensors.numpy.save({"top1": np.array([[1, 0, 2], [1, 1, 2]], np.int32)}))
    found = statistics_file.load(file)["top1"]
    assert found.right.tolist() == [1, 0, 2] and found.asked.tolist() == [1, 1, 2] and found.share == 3 / 4


def test_every_kind_is_read_as_it_was_written(tmp_path):
    rng, file = np.random.default_rng(0), tmp_path / "hits.safetensors"
    scores, present = rng.standard_normal((9, 3)), rng.integers(-1, 2, (9, 3)).astype(np.int8)
    written = {
        "map11": AveragePrecision(scores, present),
        "roc_auc": RocAuc(scores[:, :1], present[:, :1]),
        "top1": Hits(np.arange(9) < 4, np.ones(9)),
    }
    statistics_file.save(file, written)
    found = statistics_file.load(file)
    assert percent(found) == percent(written)
    for name, each in found.items():
        assert type(each) is type(written[name]) and each.asks_as(written[name]) and written[name].asks_as(each)
    assert found["map11"].present.dtype == np.int8 and np.array_equal(found["map11"].scores, scores)


def test_a_kind_of_another_version(tmp_path):
    file = tmp_path / "hits.safetensors"
    file.write_bytes(safetensors.numpy.save({"f1": np.zeros((2, 3))}, {"f1": "f1"}))
    with pytest.raises(UserError, match="a metric of the kind 'f1'; expected one of hits, average_precision, roc_auc"):
        statistics_file.load(file)
