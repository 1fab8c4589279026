"""A training that is resumed gives the weights of one that was not interrupted, to the bit."""

import pytest
import torch

from tandemclip.tests.downstream.detection.toy import trained

ITERATIONS = dict(type="IterBasedTrainLoop", max_iters=6), "iter_3.pth"
EPOCHS = dict(type="EpochBasedTrainLoop", max_epochs=2), "epoch_1.pth"


def distance(tmp_path, train, middle, **how):
    """The largest difference between the weights of the whole run and of one that went on from its middle."""
    whole = trained(tmp_path / "whole", train, **how).model.state_dict()
    load_from = str(tmp_path / "whole" / middle)
    resumed = trained(tmp_path / "resumed", train, resume=True, load_from=load_from, **how).model.state_dict()
    return max((whole[name] - resumed[name]).abs().max().item() for name in whole)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("train, middle", [ITERATIONS, EPOCHS], ids=["iterations", "epochs"])
def test_a_resumed_run_ends_as_the_whole_one(tmp_path, train, middle, workers):
    assert distance(tmp_path, train, middle, workers=workers) == 0


@pytest.mark.parametrize("train, middle", [ITERATIONS, EPOCHS], ids=["iterations", "epochs"])
def test_without_the_hook_it_does_not(tmp_path, train, middle):
    assert distance(tmp_path, train, middle, hooks=("PlainCheckpoints",)) > 1e-4


def test_iterations_draw_different_numbers():
    from tandemclip.downstream.detection.randomness import KeyedRandomness

    class Runner:  # what the hook reads of one
        seed, iter, epoch = 5, 0, 0

    def drawn(iter):
        runner = Runner()
        runner.iter = iter
        KeyedRandomness().before_train_iter(runner, iter)
        return torch.rand(4).tolist()

    assert drawn(1) == drawn(1)
    assert len({number for iter in range(5) for number in drawn(iter)}) == 20
