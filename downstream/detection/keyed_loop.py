"""A loop by iterations that goes on from anywhere: it reads no picture of the past, and draws as if never stopped."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice, repeat

import numpy as np
import torch
from mmdet.registry import LOOPS
from mmengine.dataset import InfiniteSampler
from mmengine.dist import get_dist_info
from mmengine.runner import IterBasedTrainLoop
from torch.utils.data import DataLoader, Dataset

from tandemclip.core.errors import UserError
from tandemclip.core.random import generator


@LOOPS.register_module()
class KeyedTrainLoop(IterBasedTrainLoop):
    """mmengine's loop by iterations; only its batches are had in another way.

    mmengine reads all past batches once more when it resumes, so that the order of pictures and the state of numpy are
    what they were. Here the past order is drawn alone, and a sample's transforms draw by (seed, its position in the
    run). So they are equal for any number of workers too, and on any number of ranks with one batch size in total.
    """

    def __init__(self, runner, dataloader: dict, **settings):
        """dataloader: its batch_size is that of all ranks together. settings: `max_iters`, `val_interval` and so on.

        Raises UserError for a batch that the ranks cannot share, a sampler that ends, data without a picture, and a
        length of nothing.
        """
        loader = runner.build_dataloader(_of_one_rank(dataloader), seed=runner.seed)
        super().__init__(runner, _NotStarted(loader.dataset), **settings)
        self.dataloader = loader
        if self.max_iters < 1:
            raise UserError(f"train_cfg.max_iters={self.max_iters}: give 1 or more")
        sampler = type(loader.batch_sampler.sampler)
        if not issubclass(sampler, InfiniteSampler):
            raise UserError(
                f"train_dataloader.sampler is a {sampler.__name__}, which ends with its data set, and KeyedTrainLoop "
                "counts iterations: write sampler=dict(type='InfiniteSampler', shuffle=True)"
            )
        if not len(loader.dataset):
            raise UserError(
                "train_dataloader.dataset has no picture left: look at its ann_file and filter_cfg, and whether "
                "metainfo.classes are the names in the file"
            )

    def run(self):
        following = batches(self.dataloader, self.runner.seed, self._iter)
        # The parent asks for the past batches first, and lets them fall.
        self.dataloader_iterator = chain(repeat(None, self._iter), following)
        return super().run()


def _of_one_rank(dataloader: dict) -> dict:
    _, ranks = get_dist_info()
    total = dataloader["batch_size"]
    if total % ranks:
        raise UserError(
            f"train_dataloader.batch_size={total} cannot be shared by {ranks} ranks: give a multiple of {ranks}"
        )
    return dict(dataloader, batch_size=total // ranks)


@dataclass(frozen=True)
class _NotStarted:
    """Stands in while the parent is made: it would start the workers before it is known which batch is the next."""

    dataset: Dataset

    def __iter__(self):
        return iter(())


def batches(loader: DataLoader, seed: int, start: int) -> Iterator:
    """The collated batches of this rank from number `start` on, by the loader's own order, workers and settings."""
    settings = (
        dict(num_workers=loader.num_workers, prefetch_factor=loader.prefetch_factor) if loader.num_workers else {}
    )
    return iter(
        DataLoader(
            _Keyed(loader.dataset, seed),
            batch_sampler=_placed(loader.batch_sampler, start),
            collate_fn=loader.collate_fn,
            worker_init_fn=loader.worker_init_fn,
            pin_memory=loader.pin_memory,
            multiprocessing_context=loader.multiprocessing_context,
            **settings,
        )
    )


def _placed(batch_sampler, start: int) -> Iterator[list[tuple[int, int]]]:
    """Batches of (index in the data set, position in the run) from number `start` on; no record is read."""
    rank, ranks = get_dist_info()
    for number, indices in islice(enumerate(batch_sampler), start, None):
        first = number * batch_sampler.batch_size
        yield [(index, (first + place) * ranks + rank) for place, index in enumerate(indices)]


@dataclass(frozen=True)
class _Keyed(Dataset):
    """Seeds whatever transforms draw from, before each sample, by a number of the sample's own."""

    dataset: Dataset
    seed: int

    def __getitem__(self, placed: tuple[int, int]):
        index, position = placed
        number = int(generator("detection", "sample", self.seed, position).integers(2**32))
        random.seed(number)
        np.random.seed(number)
        torch.manual_seed(number)
        return self.dataset[index]
