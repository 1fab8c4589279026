"""Every word of a report's tables is explained."""

from tandemclip.core.config.registry import TYPES
from tandemclip.core.evaluation.protocols.classes import class_metrics
from tandemclip.core.evaluation.protocols.retrieval import METRICS
from tandemclip.core.evaluation.suites.report.terms import TERMS, explained


def test_what_ships_is_explained():
    protocols = set(TYPES["training.evaluation:Evaluation"]) - {"one_by_one"}  # it holds others
    metrics = {*class_metrics(10), *class_metrics(2), *class_metrics(10, multi_label=True), "i2t", "t2i", "R@K"}
    assert protocols | metrics == set(TERMS)
    assert set(explained(METRICS)) == {"i2t", "t2i", "R@K"}


def test_words_are_found_within_names():
    assert list(explained(["few_shot shots=[1, 4]", "4_shot/top1"])) == ["few_shot", "top1"]
    assert explained(["zero_shot/digit"]).keys() == {"zero_shot"} and explained(["mine", "5"]) == {}
