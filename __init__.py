"""TandemCLIP: one definition of a vision-language pre-training method, two engines that are proven to agree."""

import logging
from multiprocessing import current_process

__version__ = "0.1.0"  # setup.cfg reads it

if current_process().name.startswith("grain"):
    # A process that loads imports grain before anything of ours but the program's first lines, and so this module.
    # grain then warns that JAX's profiler is not there, or too old; nobody here asked for it.
    logging.getLogger("absl").addFilter(lambda record: "profil" not in record.getMessage())


def load(checkpoint, backend: str | None = None, trust: bool = False, device: str | None = None):
    """The model of a checkpoint or run, with `encode_images` and `encode_texts`, on either engine.

    backend: "torch" or "mindspore"; None: the one that is installed. device: "cpu", "cuda:1", "npu" ...; None: what the
    engine takes by itself.
    trust: import classes from outside this package that the checkpoint names, which runs the code of their modules.
    """
    from tandemclip import backends
    from tandemclip.core.serving.model import open_model

    backend = backends.default() if backend is None else backend
    device = None if device is None else str(device)  # torch has devices that are no texts
    return open_model(checkpoint, backends.load(backend, device), trust)
