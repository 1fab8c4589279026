"""A loop that goes on from anywhere: what it reads, in which order, and what its transforms draw."""

import random
from collections import Counter

import numpy as np
import pytest
import torch
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from torch.utils.data import Dataset

from tandemclip.core.errors import UserError
from tandemclip.downstream.detection import keyed_loop
from tandemclip.tests.downstream.detection.toy import DrawnPoints, configuration, trained

TRAIN = dict(type="KeyedTrainLoop", max_iters=6)


@DATASETS.register_module(force=True)
class Diary(DrawnPoints):
    """Writes down what is read of it, and what is drawn for it, in a file that workers may write to too."""

    def __init__(self, path):
        self.path = path

    def __getitem__(self, index):
        found = super().__getitem__(index)
        with open(self.path, "a") as file:
            file.write(f"{index} {found[1].tolist()}\n")
        return found


def diary(folder, train=TRAIN, workers=0, **more):
    """The lines of a training, and its final weights."""
    config = configuration(folder, train, workers=workers, **more)
    config.train_dataloader.dataset = dict(type="mmengine.Diary", path=str(folder) + ".txt")
    runner = run(config)
    with open(str(folder) + ".txt") as file:
        return file.read().splitlines(), runner.model.state_dict()


def run(config):
    runner = Runner.from_cfg(config)
    runner.train()
    return runner


@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_run_reads_what_is_left_and_nothing_else(tmp_path, workers):
    """Workers read some batches ahead, and write in turns: what is when comes of a run without them."""
    in_order, weights = diary(tmp_path / "whole")
    past, left = in_order[: 3 * 4], in_order[3 * 4 :]
    assert len(past) == len(left) == 3 * 4
    resume = dict(resume=True, load_from=str(tmp_path / "whole" / "iter_3.pth"))
    rest, again = diary(tmp_path / "rest", workers=workers, **resume)
    assert not set(rest) & set(past) and set(left) <= set(rest)
    assert workers or rest == left
    assert all(torch.equal(weights[name], again[name]) for name in weights)


def test_workers_change_nothing(tmp_path):
    _, one = diary(tmp_path / "one", workers=0)
    _, two = diary(tmp_path / "two", workers=2)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_every_picture_once_an_epoch_and_never_the_same_draw(tmp_path):
    lines, _ = diary(tmp_path / "run")  # two epochs of twelve
    indices = [int(line.split()[0]) for line in lines]
    assert sorted(indices[:12]) == sorted(indices[12:]) == list(range(12)) and indices[:12] != indices[12:]
    assert len(set(lines)) == 24


def test_ranks_together_see_what_one_sees(monkeypatch):
    def seen(ranks):
        found = Counter()
        for rank in range(ranks):
            monkeypatch.setattr(keyed_loop, "get_dist_info", lambda rank=rank: (rank, ranks))
            order = list(range(40))[rank::ranks]  # as mmengine's samplers share it
            sampler = torch.utils.data.BatchSampler(order, 8 // ranks, drop_last=False)
            for number, batch in enumerate(keyed_loop._placed(sampler, 2)):
                found.update((number, *placed) for placed in batch)
        return found

    assert seen(1) == seen(2) == seen(4)
    assert sorted(position for _, _, position in seen(2)) == list(range(16, 40))


def test_draws_are_a_function_of_seed_and_position():
    class Draws(Dataset):
        def __getitem__(self, index):
            return np.random.uniform(), torch.rand(1).item(), random.random()

    draw = lambda seed, position: keyed_loop._Keyed(Draws(), seed)[0, position]
    assert draw(5, 7) == draw(5, 7)
    drawn = [number for seed in (5, 6) for position in (0, 7) for number in draw(seed, position)]
    assert len(set(drawn)) == 12


def test_the_batch_is_shared_by_the_ranks(monkeypatch):
    monkeypatch.setattr(keyed_loop, "get_dist_info", lambda: (0, 4))
    assert keyed_loop._of_one_rank(dict(batch_size=40, num_workers=2)) == dict(batch_size=10, num_workers=2)
    with pytest.raises(UserError, match="batch_size=42 cannot be shared by 4 ranks: give a multiple of 4"):
        keyed_loop._of_one_rank(dict(batch_size=42))


def test_a_sampler_that_ends_is_refused(tmp_path):
    config = configuration(tmp_path, TRAIN)
    config.train_dataloader.sampler = dict(type="DefaultSampler", shuffle=True)
    with pytest.raises(UserError, match="sampler is a DefaultSampler, which ends with its data set"):
        run(config)


def test_data_without_a_picture_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(DrawnPoints, "__len__", lambda self: 0)
    with pytest.raises(UserError, match="has no picture left: look at its ann_file and filter_cfg"):
        trained(tmp_path, TRAIN)
