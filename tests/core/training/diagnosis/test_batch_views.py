"""Which arrays are pictures, texts and labels, where others look like them."""

import numpy as np
import pytest

from tandemclip.core.data.views.view import batch_arrays
from tandemclip.core.training.config import read
from tandemclip.core.training.diagnosis.batch_views import images_of, pairs_of, texts_of


@pytest.fixture
def taken(root):
    """(method, views, batch of zeros) of a tiny configuration."""

    def make(name, **overrides):
        method = read(root / "configs" / "pretrain" / f"tiny_{name}.yaml", overrides)[0].method
        views = method.views()
        batch = {name: np.zeros(shape, dtype) for name, (shape, dtype) in batch_arrays(views, 4).items()}
        return method, views, batch

    return make


def test_labels_of_texts_are_no_texts(taken):
    method, views, batch = taken("unicl_swin")
    assert batch["text_label"].ndim == 2 and batch["text_label"].dtype.kind == "i"
    assert texts_of(views, batch).keys() == {"text"} and images_of(views, batch).keys() == {"image"}
    pairs = pairs_of(method, batch)
    assert pairs.images is batch["image"] and pairs.ids is batch["text"] and pairs.labels is batch["text_label"]


def test_masks_of_mixed_pictures_are_no_pictures(taken):
    method, views, batch = taken("unicl_swin", method={"mixup": 0.8})
    assert sum(array.ndim == 4 for array in batch.values()) == 2
    assert images_of(views, batch).keys() == {"image"}


def test_several_views_of_a_kind(taken):
    method, views, batch = taken("pyramidclip_vit")
    assert len(images_of(views, batch)) == 2 and len(texts_of(views, batch)) == 3
    pairs = pairs_of(method, batch)
    assert pairs.labels is None and pairs.ids.shape == (4, method.text.context_length)


def test_a_method_without_texts_has_no_pairs(taken):
    method, views, batch = taken("cross_entropy_resnet")
    assert pairs_of(method, batch) is None and not texts_of(views, batch)
