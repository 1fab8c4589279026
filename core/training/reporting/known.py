"""The reporters that `--report` can name."""

from collections.abc import Sequence
from importlib.util import find_spec

from tandemclip.core.console.versions import how_to_install
from tandemclip.core.errors import UserError
from tandemclip.core.training.reporting.mlflow_run import MLflow
from tandemclip.core.training.reporting.reporter import Reporter
from tandemclip.core.training.reporting.wandb_run import Wandb

KNOWN: dict[str, type[Reporter]] = {reporter.name: reporter for reporter in (Wandb, MLflow)}


def chosen(names: Sequence[str]) -> tuple[type[Reporter], ...]:
    """Each once. UserError where the package of the same name, which nothing is imported of, is not installed."""
    for name in names:
        if find_spec(name) is None:
            raise UserError(
                f"--report {name} needs the package {name}, which is not installed: {how_to_install(name)}; "
                "or leave it out"
            )
    return tuple(KNOWN[name] for name in dict.fromkeys(names))
