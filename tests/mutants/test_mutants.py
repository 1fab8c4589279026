"""What `make mutants` draws, which tests it runs, and whether what it leaves out still stands in the code."""

import ast
from itertools import islice

import pytest
import yaml

from tandemclip.tests.mutants.draw import files, mutants
from tandemclip.tests.mutants.mirror import stages


def test_every_file_has_tests_to_notice_an_edit_and_they_exist(root):
    for file in files(root):
        found = [argument for tests in stages(root, file).values() for argument in tests if argument.endswith(".py")]
        assert len(found) > 1 and all((root / path).is_file() for path in found), file


def test_tests_that_mirror_come_before_those_that_name(root):
    found = stages(root, "core/data/sources/coco_objects.py")
    assert found["its mirror"] == ["tests/core/data/sources/test_coco_objects.py"]
    assert "tests/core/data/sources/test_ends.py" in found["tests of its room that name it"]
    assert "tiny_unicl_swin-None" in stages(root, "core/towers/swin.py")["parity of a tiny preset"][-1]


def test_tests_that_name_a_file_among_others_are_found_and_an_engine_has_those_of_training(root):
    naming = lambda file: stages(root, file)["tests of its room that name it"]
    assert "tests/core/training/test_trainer.py" in naming("core/training/journal.py")  # import journal, start
    for engine in ("torch", "mindspore"):
        assert "tests/core/training/test_update.py" in naming(f"backends/{engine}/engine.py")


def test_edits_are_the_same_for_a_seed_and_change_what_runs(root):
    pytest.importorskip("cosmic_ray")
    some, same, others = (list(islice(mutants(root, seed, "core/objectives"), 8)) for seed in (0, 0, 1))
    assert some == same != others
    for mutant in some:
        source = (root / mutant.file).read_text()
        assert ast.dump(ast.parse(mutant.code)) != ast.dump(ast.parse(source)) and mutant.was != mutant.becomes
        assert all(line in source for line in mutant.was.splitlines())


def test_what_changes_nothing_still_stands_in_the_code_and_says_why(root):
    for entry in yaml.safe_load((root / "tests" / "mutants" / "equivalent.yaml").read_text()):
        assert entry["was"] in (root / entry["file"]).read_text() and len(entry["why"]) > 20
