"""The configuration stands beside the numbers."""

import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tandemclip.core.training.reporting.reporter import Begun
from tandemclip.core.training.reporting.tensorboard import TensorBoard


def test_the_configuration_is_a_text(tmp_path):
    config = {
        "method": {"type": "clip", "alpha": 0.1},
        "training": {"groups": [{"pattern": "a*"}], "note": "\u00fc: #"},
    }
    for resume_step in (None, 4):
        shown = TensorBoard(Begun(tmp_path, config, resume_step))
        shown.add((resume_step or 0) + 1, {"loss": 1.0})
        shown.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Tensors("config")] == [1, 5]
    text = events.Tensors("config")[0].tensor_proto.string_val[0].decode()
    assert all(line.startswith("    ") for line in text.splitlines())  # a block of code in Markdown
    assert yaml.safe_load(text) == config
    assert events.summary_metadata["config"].plugin_data.plugin_name == "text"
