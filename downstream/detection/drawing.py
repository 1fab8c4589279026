"""Pictures of what a detector finds, beside what is there."""

from pathlib import Path

import mmcv
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner


def draw(runner: Runner, folder: Path, count: int, threshold: float) -> int:
    """The first `count` pictures of the test set: on the left the truth, on the right what scores above `threshold`.

    The files are folder/0000.png and so on. Returns how many there are.
    """
    pictures = runner.test_dataloader.dataset
    runner.call_hook("before_run")  # as Runner.test does, when all is built
    runner.load_or_resume()
    runner.model.eval()
    runner.visualizer.dataset_meta = pictures.metainfo
    count = min(count, len(pictures))
    for number in range(count):
        sample = runner.model.test_step(pseudo_collate([pictures[number]]))[0]
        picture = mmcv.imread(sample.img_path, channel_order="rgb")
        file = folder / f"{number:04}.png"
        runner.visualizer.add_datasample(
            file.stem, picture, data_sample=sample, pred_score_thr=threshold, out_file=str(file)
        )
    return count
