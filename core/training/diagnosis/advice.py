"""What a run tells a person who did not ask: that it does not learn, or that it waits for data, and why. Once each."""

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from tandemclip.core import figures
from tandemclip.core.data.loading.loader import batches
from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.random import generator
from tandemclip.core.statistic import Statistic
from tandemclip.core.training import global_batch
from tandemclip.core.training.diagnosis import plateau, waiting
from tandemclip.core.training.diagnosis.batch_views import images_of, pairs_of, texts_of
from tandemclip.core.training.diagnosis.pairing import PAIRS, relation
from tandemclip.core.training.diagnosis.plateau import Seen

WINDOW = 50  # steps that are looked at together
PATIENCE = 1000  # steps after the warm-up, or a tenth of a shorter run's
ROWS = 16  # of a batch, for gradients and features: this is one process's look at a batch that may be large
RECORDS = 64  # looked at, or timed


class Advice:
    """`say` shows a sentence. The rank that leads has one."""

    def __init__(self, trainer, say: Callable[[str], None]):
        self.trainer, self.say, self.rows = trainer, say, deque(maxlen=WINDOW)
        schedule = trainer.schedule
        self.from_step = min(schedule.warmup + min(PATIENCE, max(WINDOW, schedule.steps // 10)), schedule.steps)
        self.first = trainer.step + 1
        self.reported = set()

    def update(self, row: dict, batch) -> None:
        """After every step, with its row of the journal and its batch."""
        self.rows.append(row)
        if row["step"] < self.first + WINDOW:  # the first step waits for the workers to start
            return
        if "plateau" not in self.reported and row["step"] >= self.from_step:
            found = plateau.stuck(self.rows, self.trainer.settings.batch_size, self.trainer.config.method.guessing)
            if found:
                self.reported.add("plateau")
                self._plateau(batch, *found)
        if "waiting" not in self.reported and waiting.share(self.rows) > waiting.SHARE:
            self.reported.add("waiting")
            self.say(explain_waiting(self.trainer, self.rows))

    def evaluated(self, found: dict[str, Statistic]) -> None:
        """After an evaluation: each remark on it, the first time."""
        for remark in figures.remarks(found):
            if remark not in self.reported:
                self.reported.add(remark)
                self.say(f"remark: {remark}")

    def ended(self) -> None:
        """At the end of the run: one sentence where the loss is still what guessing gives, however short the run
        was; nothing where that was said before, or where no text belongs to an image: ln N is of pairs.
        """
        size, method = self.trainer.settings.batch_size, self.trainer.config.method
        ends = self.trainer.ended and self.rows
        if not ends or method.text is None or "plateau" in self.reported:
            return
        found = plateau.stuck(self.rows, size, method.guessing)
        if found:
            name, mean = found
            self.say(
                f"the run ends with the {name} at {mean:.3f} (mean of its last {len(self.rows)} steps), no better than "
                f"guessing (ln of the batch size: {np.log(size):.3f}); train longer, or see whether the set-up can "
                "learn at all by --overfit 128"
            )

    def _plateau(self, batch, name, mean):
        causes, learning = look(self.trainer, batch, self.rows)
        if not causes and learning:
            return  # slowly, but it learns
        self.say(
            f"step {self.trainer.step}: the {name}, {mean:.3f} in the last {WINDOW} steps, is no better than guessing "
            f"(ln of the batch size: {np.log(self.trainer.settings.batch_size):.3f}). Found:"
        )
        for cause in causes or [
            "nothing wrong with data, gradients or learning rate; try tandemclip train --overfit 128"
        ]:
            self.say(f"- {cause}")


def look(trainer, batch, rows: Sequence[dict]) -> tuple[list[str], bool]:
    """What keeps this run from learning, a sentence each, and whether right pairs are nearer than wrong ones after all.

    Changes nothing. Reads `pairing.PAIRS` records again, from the beginning of the run's order.
    """
    method, engine = trainer.config.method, trainer.engine
    some = {name: array[:ROWS] for name, array in batch.items()}
    pairs, together = pairs_of(method, some), method.paired(some)
    if pairs is None or together.sum() < 2:
        return [], True  # nothing to say of such a method, or batch
    images, texts = engine.encode_image(pairs.images)[together], engine.encode_text(pairs.ids)[together]
    parameters, weights = dict(method.all_parameters()), engine.weights()
    gradients = engine.named_gradients(global_batch.backward(engine, some, trainer.schedule.elapsed(trainer.step)))
    scale = parameters.get("logit_scale")
    seen = Seen(
        rows=rows,
        batch=batch,
        views=method.views(),
        records=records(trainer, 0),
        pairs=_pairs(trainer),
        trained={name: parameter.trainable for name, parameter in parameters.items()},
        gradients=gradients,
        weights=float(np.sqrt(sum(np.sum(np.square(weights[name], dtype=np.float64)) for name in gradients))),
        images=images,
        texts=texts,
        schedule=trainer.schedule,
        largest_scale=None if scale is None else scale.maximum,
    )
    nearer = plateau.nearer(engine.apply("similarity", images, texts))
    return plateau.causes(seen), nearer > plateau.RELATED


def _pairs(trainer) -> dict[str, float]:
    """Nothing where the data are too few to tell; such can be learned by heart, whatever belongs to what."""
    if len(trainer.source) < PAIRS:  # each pair once
        return {}
    views, seed = trainer.config.method.views(), trainer.settings.seed
    reading = batches(
        trainer.source, views, trainer.tokenizer, batch_size=ROWS, seed=seed, start_step=0, stop_step=PAIRS // ROWS
    )
    with reading:
        read = list(reading)
    arrays = {name: np.concatenate([batch[name] for batch in read]) for name in read[0]}
    images = next(iter(images_of(views, arrays).values()))
    return {name: relation(images, ids, generator("pairing")) for name, ids in texts_of(views, arrays).items()}


def _numbers(trainer, start: int) -> list[int]:
    count = min(RECORDS, len(trainer.source))
    return [trainer.source.order(start + i, trainer.settings.seed) for i in range(count)]


def records(trainer, start: int) -> list:
    """Those at these positions of the run that can be read."""
    found = []
    for number in _numbers(trainer, start):
        try:
            found.append(trainer.source[number])
        except BrokenRecord:
            continue  # the loader names those
    return found


def explain_waiting(trainer, rows: Sequence[dict]) -> str:
    ahead = (trainer.step + PATIENCE) * trainer.settings.batch_size  # what the workers have not read just now
    views = trainer.config.method.views()
    per_record = waiting.stages(trainer.source, views, trainer.tokenizer, _numbers(trainer, ahead))
    return waiting.explain(rows, trainer.settings.batch_size, per_record, trainer.config.data.workers)
