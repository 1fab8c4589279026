"""CLIP's prompts."""

import pytest

from tandemclip.core.data.sources.prompts import checked, ensemble, imagenet_templates
from tandemclip.core.errors import UserError


def test_templates_are_those_of_clip():
    from open_clip.zero_shot_metadata import OPENAI_IMAGENET_TEMPLATES

    assert ensemble("red fox", imagenet_templates()) == [template("red fox") for template in OPENAI_IMAGENET_TEMPLATES]
    assert len(set(imagenet_templates())) == 80


def test_class_name_is_put_in_as_it_is():
    assert ensemble("a {} of {0}", ("the {}.", "{} and {}")) == ["the a {} of {0}.", "a {} of {0} and a {} of {0}"]


def test_released_unicl_has_one_template_more():
    assert checked("unicl") == (*checked("imagenet"), "{}.") and checked("imagenet") == imagenet_templates()
    assert checked(("a {}",)) == ("a {}",)


@pytest.mark.parametrize("given, words", [
    ((), "an empty list"), (("a {}", "a photo"), "'a photo' has no place"), (("a {name}",), "no place for a class"),
    (("a {}", "a {}"), "'a {}' stands there twice"),
])  # fmt: skip
def test_templates_that_lose_the_name_are_refused(given, words):
    with pytest.raises(UserError, match=words):
        checked(given)
