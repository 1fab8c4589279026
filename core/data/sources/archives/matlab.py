"""Tables that archives bring as MATLAB files."""

import io

import numpy as np

from tandemclip.core.data.sources.archives.labelled import Labelled
from tandemclip.core.data.texts import blank


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


def whole_numbers(archive: Labelled, name: str, variable: str, given: np.ndarray) -> np.ndarray:
    """[N] int64 of a row of numbers from 1, as MATLAB counts, N > 0. UserError for anything else.

    name, variable: where the archive has it. given: as read; a column of a table holds objects.
    """
    try:
        numbers = np.array(given.tolist())
    except ValueError:  # rows of several lengths
        numbers = given
    if numbers.ndim != 1 or not numbers.size or numbers.dtype.kind not in "iuf":
        raise archive.unlike(name, f"no row of whole numbers in {variable}: {given.tolist()}")
    whole = (numbers >= 1) & (numbers < 2**31) & (numbers == np.floor(numbers))
    if not whole.all():
        raise archive.unlike(name, f"no whole number from 1 in {variable}: {numbers[~whole][0]}")
    return numbers.astype(int)


def texts(archive: Labelled, name: str, variable: str, given: np.ndarray) -> list[str]:
    """A row of texts that are not blank. UserError for anything else; the rest is as above."""
    found = given.tolist()
    for text in found:
        if not isinstance(text, str) or blank(text):
            raise archive.unlike(name, f"no text in {variable}: {text!r}")
    return found
