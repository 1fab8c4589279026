"""Features on disk are what the model gives, and no picture is encoded twice."""

from dataclasses import replace

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.sources.first import First
from tandemclip.core.data.views.label import LabelView
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.linear_probe import LinearProbe
from tandemclip.core.evaluation.protocols.retrieval import Retrieval
from tandemclip.core.evaluation.protocols.zero_shot import ZeroShot
from tandemclip.core.evaluation.suites.cache import Cache, cached
from tandemclip.core.serving.model import Model
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.start import tokenizer_of

SCENES = Scenes(size=32, count=37, digits=1, split="held_out")  # no multiple of the batch
LEARN = Scenes(size=32, count=45, digits=1, seed=3)


READ = []  # numbers of records, as they are read


class Counting(Scenes):
    def __getitem__(self, index):
        READ.append(index)
        return super().__getitem__(index)


def model_on(root, name, config="tiny_clip_vit"):
    config, _ = read(root / "configs" / "pretrain" / f"{config}.yaml")
    engine = backends.load(name)(config.method, initial_weights(config.method, 3), config.training.update)
    return Model(engine, config.method, tokenizer_of(config), batch_size=16)


@pytest.fixture(scope="module")
def model(root):
    return model_on(root, "torch")


@pytest.mark.parametrize("name", backends.names())
def test_both_readings_are_those_of_the_method(root, name, tmp_path):
    plain = model_on(root, name)
    kept = cached(plain, Cache(tmp_path, "w"))
    for what in ("encode_image", "encode_features"):
        features, _, _ = plain.encode_source(SCENES, what, {})
        for _ in range(2):
            found, _, _ = kept.encode_source(SCENES, what, {})
            assert found.shape == features.shape
            np.testing.assert_allclose(found, features, atol=2e-6)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_method_that_gives_embeddings_in_a_way_of_its_own(root, tmp_path):
    """FILIP's are rows for each token: no reading of the tower."""
    plain = model_on(root, "torch", "tiny_filip_vit")
    kept = cached(plain, Cache(tmp_path, "w"))
    for what in ("encode_image", "encode_features"):
        expected = plain.encode_source(SCENES, what, {})[0]
        np.testing.assert_array_equal(kept.encode_source(SCENES, what, {})[0], expected)
    assert len(list(tmp_path.iterdir())) == 2


def test_protocols_of_one_set_encode_each_picture_once(model, tmp_path):
    encoded, source, learn = [], Counting(size=32, count=37, digits=1), Counting(size=32, count=45, digits=1, seed=3)
    kept = cached(model, Cache(tmp_path, "w", encoded.append))
    for protocol in (ZeroShot(source), LinearProbe(source, learn), ZeroShot(source)):
        found, alone = protocol.measure(kept), protocol.measure(model)
        assert {name: each.share for name, each in found.items()} == {name: each.share for name, each in alone.items()}
    assert sum(encoded) == 37 + 45


def test_what_is_on_disk_is_not_read_again(model, tmp_path):
    source = Counting(size=32, count=37, digits=1, split="held_out")
    records = [SCENES[i] for i in range(37)]
    kept, views = cached(model, Cache(tmp_path, "w")), {"class": LabelView("digit")}
    READ.clear()
    first = kept.encode_source(source, "encode_image", views, captions=True)
    assert sorted(READ) == list(range(37)) and first[2] == [record.captions for record in records]
    READ.clear()
    again = kept.encode_source(source, "encode_image", views)
    assert not READ and again[2] == []
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1]["class"], again[1]["class"])
    np.testing.assert_array_equal(again[1]["class"], [record.attributes["digit"] for record in records])
    kept.encode_source(source, "encode_image", {"class": LabelView("color")}, captions=True)
    assert sorted(READ) == list(range(37))  # for the colours and the captions: once


@pytest.mark.parametrize("other", [First(SCENES, 20), replace(SCENES, seed=9), replace(SCENES, count=38)])
def test_other_data_have_other_files(model, tmp_path, other):
    kept = cached(model, Cache(tmp_path, "w"))
    kept.encode_source(SCENES, "encode_image", {})
    found, _, _ = kept.encode_source(other, "encode_image", {})
    np.testing.assert_allclose(found, model.encode_source(other, "encode_image", {})[0], atol=2e-6)


def test_other_weights_have_other_files(model, tmp_path):
    one, other = Cache(tmp_path, "one"), Cache(tmp_path, "other")
    assert one.features(SCENES, "encode_image") != other.features(SCENES, "encode_image")
    assert one.features(SCENES, "encode_image") != one.features(SCENES, "classify")
    assert one.arrays(SCENES, LabelView()) == other.arrays(SCENES, LabelView())
    assert one.arrays(SCENES, LabelView()) != one.arrays(SCENES, LabelView("digit"))


def test_a_pass_that_breaks_off_leaves_nothing(model, tmp_path):
    def stop(count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached(model, Cache(tmp_path, "w", stop)).encode_source(SCENES, "encode_image", {"class": LabelView("digit")})
    assert not list(tmp_path.iterdir())


def test_a_damaged_file_is_named(model, tmp_path):
    kept = cached(model, Cache(tmp_path, "w"))
    kept.encode_source(SCENES, "encode_image", {})
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(UserError, match=f"{file.name} cannot be used .*remove it"):
        kept.encode_source(SCENES, "encode_image", {})


def test_retrieval_from_the_cache(model, tmp_path):
    kept, encoded = cached(model, Cache(tmp_path, "w")), []
    expected = {name: each.share for name, each in Retrieval(SCENES).measure(model).items()}
    for _ in range(2):
        assert {name: each.share for name, each in Retrieval(SCENES).measure(kept).items()} == expected
    kept = cached(model, Cache(tmp_path, "w", encoded.append))
    Retrieval(SCENES).measure(kept)
    assert sum(encoded) == 0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("protocol", [Retrieval, ZeroShot])
def test_features_from_the_disk_are_compared_by_the_method_s_own_similarity(root, tmp_path, protocol):
    """They are mapped to be read alone, and the engine gets them."""
    plain, source = model_on(root, "torch", "tiny_filip_vit"), Counting(size=32, count=12, digits=1)
    kept = cached(plain, Cache(tmp_path, "w"))
    expected = {name: each.share for name, each in protocol(source).measure(plain).items()}
    for _ in range(2):
        assert {name: each.share for name, each in protocol(source).measure(kept).items()} == expected
