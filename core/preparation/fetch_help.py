"""Where the archives of data sets come from, for people who fetch them by hand."""

from dataclasses import asdict

from tandemclip.core.config.catalogue import entries
from tandemclip.core.console.listing import print_names
from tandemclip.core.evaluation.suites.data_set import DATA, DataSet, read_data_set


def tell(name: str | None) -> None:
    """Prints it of one data set; without a name, which ones there are. Raises UserError for a name that is none."""
    if name is None:
        print_names(entries("sets"))
    else:
        print(*lines(read_data_set(name, DATA)), sep="\n")


def lines(data_set: DataSet) -> list[str]:
    counts = {role: count for role, count in asdict(data_set.images).items() if count is not None}
    told = [f"images: {', '.join(f'{role} {count:,}' for role, count in counts.items())}"] if counts else []
    return [
        f"{data_set.title}: papers report {data_set.metric}",
        *data_set.origin.strip().splitlines(),
        f"{DATA} is the folder that `tandemclip evaluate --data-root` names.",
        *told,
    ]
