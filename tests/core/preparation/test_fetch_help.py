"""Where archives come from, told by name."""

import pytest

from tandemclip.core.config import shipped
from tandemclip.tools import prepare


@pytest.mark.parametrize("name", shipped.data_sets())
def test_each_is_told(name, capsys):
    assert prepare.main(["fetch-help", name]) == 0
    title, *lines = capsys.readouterr().out.splitlines()
    assert ": papers report " in title and lines[-1].startswith("images: source ") and len(lines) >= 3
    assert lines[-2] == "$DATA is the folder that `tandemclip evaluate --data-root` names."


def test_all_are_listed_without_a_name_and_a_wrong_name_is_answered(capsys):
    assert prepare.main(["fetch-help"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == list(shipped.data_sets())
    assert prepare.main(["fetch-help", "cifar11"]) == 2
    assert "did you mean cifar10" in capsys.readouterr().err
