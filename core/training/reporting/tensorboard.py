"""RUN/tensorboard: an event file for each start of the run."""

import os
import time

import yaml
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.plugins.text import metadata
from tensorboard.summary.writer.record_writer import RecordWriter

from tandemclip.core.training.reporting.reporter import Begun


class TensorBoard:
    """Unlike tensorboard's own EventFileWriter, it loads no TensorFlow that is installed."""

    name = "TensorBoard"

    def __init__(self, begun: Begun):
        folder, first_step = begun.run / "tensorboard", (begun.resume_step or 0) + 1
        folder.mkdir(parents=True, exist_ok=True)
        self._file = open(folder / f"events.out.tfevents.{time.time_ns()}.{os.getpid()}", "wb")
        self._records = RecordWriter(self._file)
        self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))
        # START makes TensorBoard forget what earlier files hold of this and later steps.
        self._write(Event(wall_time=time.time(), step=first_step, session_log=SessionLog(status=SessionLog.START)))
        self._write(Event(wall_time=time.time(), step=first_step, summary=Summary(value=[_config(begun)])))

    def add(self, step: int, scalars: dict[str, float]) -> None:
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        self._write(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))

    def close(self) -> None:
        self._records.close()

    def _write(self, event: Event) -> None:
        self._records.write(event.SerializeToString())
        self._records.flush()


def _config(begun: Begun) -> Summary.Value:
    """The configuration for the tab of texts, as a block of code in Markdown."""
    lines = yaml.safe_dump(begun.config, sort_keys=False, allow_unicode=True).splitlines()
    text = "\n".join(f"    {line}" for line in lines)
    described = metadata.create_summary_metadata(display_name="config", description="the configuration of the run")
    tensor = TensorProto(dtype=DT_STRING, string_val=[text.encode()])
    return Summary.Value(tag="config", metadata=described, tensor=tensor)
