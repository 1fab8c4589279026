"""Noun phrases by spaCy, as UniCL has them (4.1)."""

from tandemclip.core.concepts.finder import Finder, Missing

UNUSED = ["ner", "lemmatizer", "textcat"]  # parts of a pipeline that noun phrases do not need


def finder() -> Finder:
    """With the first English pipeline that is installed, by name. Raises Missing."""
    try:
        import spacy
    except ModuleNotFoundError as error:
        raise Missing(f"the package {error.name} is not installed: pip install spacy") from error
    installed = sorted(name for name in spacy.util.get_installed_models() if name.startswith("en"))
    if not installed:
        raise Missing("spaCy has no English pipeline: python -m spacy download en_core_web_sm")
    pipeline = spacy.load(installed[0], exclude=UNUSED)

    def find(captions):
        return ([chunk.text for chunk in document.noun_chunks] for document in pipeline.pipe(captions))

    return Finder(f"spaCy {spacy.__version__} with {installed[0]} {pipeline.meta['version']}", find)
