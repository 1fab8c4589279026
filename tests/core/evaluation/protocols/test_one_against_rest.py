"""Each class against the rest is scikit-learn's classifier of two classes, of those pictures that are asked."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tandemclip.core.evaluation.protocols import one_against_rest
from tandemclip.core.evaluation.protocols.one_against_rest import fit_each
from tandemclip.core.evaluation.protocols.rows import Rows
from tandemclip.core.random import generator


@pytest.fixture(scope="module")
def data():
    """[70, 6] features, [70, 4] int8: of the third class nobody has one, of some pictures some are not asked."""
    rng = generator("several")
    features = rng.standard_normal((70, 6))
    present = (features[:, :4] + 0.5 * rng.standard_normal((70, 4)) > 0.3).astype(np.int8)
    present[:, 2] = 0
    present[rng.random((70, 4)) < 0.2] = -1
    return features, present


def test_it_is_scikit_learns(data, monkeypatch):
    monkeypatch.setattr(one_against_rest, "ELEMENTS", 60)  # ten pictures at a time
    features, present = data
    found = fit_each(Rows.of(features), present, 3.0)
    assert found.converged and found.untold == (2,)
    blocks = [*found.scores(Rows.of(features), 4)]
    scores = np.concatenate(blocks)
    assert [len(block) for block in blocks] == [10] * 7 and (scores[:, 2] == 0).all()
    for number in (0, 1, 3):
        asked = present[:, number] >= 0
        wanted = LogisticRegression(C=1 / 3, max_iter=1000).fit(features[asked], present[asked, number])
        assert scores[:, number] == pytest.approx(wanted.decision_function(features), abs=1e-6)


def test_one_fit_that_does_not_converge_is_told(data, monkeypatch):
    features, present = data
    one = one_against_rest.fit

    def short_of_the_second(rows, labels, strength):
        return one(rows, labels, strength, 1 if np.array_equal(labels, present[present[:, 1] >= 0, 1]) else 1000)

    monkeypatch.setattr(one_against_rest, "fit", short_of_the_second)
    assert not fit_each(Rows.of(features), present, 3.0).converged
