"""Joining other processes: tests/ranks starts real ones, and what only GPUs show is looked at here."""

import torch

from tandemclip.backends.torch import ranks


def test_a_rank_takes_its_own_gpu_before_it_meets_the_others(monkeypatch):
    done = []
    monkeypatch.setenv("LOCAL_RANK", "3")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: done.append(device))
    monkeypatch.setattr(torch.distributed, "is_torchelastic_launched", lambda: True)
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda kind, timeout: done.append(kind))
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 3)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 4)
    monkeypatch.setattr(ranks.atexit, "register", lambda function: None)
    assert ranks.join().rank == 3
    assert done == ["cuda:3", "nccl"]
