"""What docs/evaluation.md says of data sets is what ships, and its examples are read."""

import re

import pytest

from tandemclip.core.config import shipped
from tandemclip.core.evaluation.suites.data_set import read_data_set
from tandemclip.core.evaluation.suites.suite import protocol_of, read_suite
from tandemclip.core.preparation.fetch_help import lines


@pytest.fixture(scope="module")
def text(root):
    return (root / "docs" / "evaluation.md").read_text().partition("## Data sets\n")[2]


def test_the_table_has_every_set_with_its_counts_and_figure(text):
    rows = [[cell.strip() for cell in line.split("|")[1:-2]] for line in text.splitlines() if line.startswith("| `")]
    told = {row[0].strip("`"): row[1:] for row in rows if len(row) > 2}
    count = lambda number: "" if number is None else f"{number:,}"
    for name in shipped.data_sets():
        found = read_data_set(name, "/data")
        images = found.images.learn, found.images.validation, found.images.source
        assert told.pop(name) == [found.title, *map(count, images), found.metric]
    assert not told


def test_every_suite_is_named(text):
    assert all(f"| `{name}` |" in text for name in shipped.suites())


def test_what_fetch_help_prints(text):
    assert "\n".join(lines(read_data_set("cifar10", "$DATA"))) in text


def test_the_examples_are_read(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in re.findall(r"```yaml\n# (\w+\.yaml)\n(.*?)```", text, re.S):
        (tmp_path / name).write_text(content)
    suite = read_suite("my_suite.yaml")
    built = [
        protocol_of(each, read_data_set(name, "/data"), name) for name in suite.sets for each in suite.entries(name)
    ]
    assert len(built) == 6 and built[4].shots == (1, 4) and built[4].learn.path == "/data/wds_vtab-dtd"
