"""Tables that archives bring as MATLAB files."""

import io

import numpy as np

from tandemclip.core.data.sources.archives.labelled import Labelled


def read_mat(archive: Labelled, name: str, variable: str) -> np.ndarray:
    """The array of that name in a .mat file (up to version 7.2) of the archive, without axes of length 1.

    Raises UserError where there is none.
    """
    from scipy.io import loadmat  # here, as it is slow to import and few archives need it

    content = archive.content(name)
    try:
        found = loadmat(io.BytesIO(content), squeeze_me=True, variable_names=[variable])
        return np.atleast_1d(found[variable])
    except Exception as error:  # a reader of foreign bytes raises whatever comes
        raise archive.unlike(name, f"{variable}: {type(error).__name__} {error}") from error
