"""MLflow, by its own package: the server or folder that MLFLOW_TRACKING_URI says, experiment `tandemclip` or
MLFLOW_EXPERIMENT_NAME.
"""

import os
import re
import time

from tandemclip.core.training.reporting.reporter import Begun

PARAMETERS = 100  # in one call, at most (MLflow's limit)
LENGTH = 500  # of a parameter's value, at most, in every store


class MLflow:
    name = "mlflow"

    def __init__(self, begun: Begun):
        from mlflow import MlflowClient

        self._client = MlflowClient()
        new = lambda: self._client.create_run(self._experiment(), run_name=begun.run.resolve().name).info.run_id
        self._id = begun.identity(self.name, new)
        self._client.update_run(self._id, status="RUNNING")
        # A parameter cannot change. What --resume changes stands in the file, of which each start writes its own.
        if begun.resume_step is None:
            self._log_parameters(begun.config)
        self._client.log_dict(self._id, begun.config, f"config/from_step_{begun.resume_step or 0}.yaml")

    def add(self, step: int, scalars: dict[str, float]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(_allowed(tag), value, now, step) for tag, value in scalars.items()]
        self._client.log_batch(self._id, metrics=metrics)

    def close(self) -> None:
        self._client.set_terminated(self._id)

    def _experiment(self) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "tandemclip")
        found = self._client.get_experiment_by_name(name)
        return self._client.create_experiment(name) if found is None else found.experiment_id

    def _log_parameters(self, config) -> None:
        from mlflow.entities import Param

        leaves = [(_allowed(key), str(value)[:LENGTH]) for key, value in _leaves(config)]
        for start in range(0, len(leaves), PARAMETERS):
            some = [Param(key, value) for key, value in leaves[start : start + PARAMETERS]]
            self._client.log_batch(self._id, params=some)


def _leaves(mapping, prefix: str = ""):
    for key, value in mapping.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _allowed(name: str) -> str:
    """MLflow refuses other letters in a name: "i2t/R@1" is "i2t/R_1" there."""
    return re.sub(r"[^\w\-. /]", "_", name)
