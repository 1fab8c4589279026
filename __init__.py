"""TandemCLIP: one definition of a vision-language pre-training method, two engines that are proven to agree."""


def load(checkpoint, backend: str = "torch", trust: bool = False):
    """The model of a checkpoint or run, with `encode_images` and `encode_texts`, on either engine.

    trust: import classes from outside this package that the checkpoint names, which runs the code of their modules.
    """
    from tandemclip import backends
    from tandemclip.core.serving.model import open_model

    return open_model(checkpoint, backends.load(backend), trust)
