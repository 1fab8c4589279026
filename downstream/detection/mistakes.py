"""What mmengine and mmdet raise because of a configuration or data, said as a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.hooks import Hook

from tandemclip.core.errors import UserError

# A name that is not registered, an argument that is not known, a value that is not taken. All else is a defect.
OF_A_CONFIG = (ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, TypeError, ValueError)
UNREADABLE = "failed to load image"  # mmcv's word for a file that is no picture


class AllIsBuilt(Hook):
    """`reached`: all that the configuration names is built, so that what goes wrong from now on is none of its."""

    priority = "VERY_HIGH"
    reached = False

    def before_run(self, runner) -> None:
        self.reached = True


@contextmanager
def told(config: str, built: AllIsBuilt) -> Iterator[None]:
    """config: the file's name. Raises UserError for what a person can mend; a defect keeps its traceback."""
    try:
        yield
    except FileNotFoundError as error:
        what = "prepare the data as docs/detection.md of the repository says; --data names their folder"
        raise UserError(f"{last_line(error)}: {what}") from error
    except OSError as error:
        raise UserError(f"{last_line(error)}: see that it can be read, and that the disk has space") from error
    except OF_A_CONFIG as error:
        if UNREADABLE in str(error):
            what = "it is no picture, or is torn; copy it again, or leave it out"
            raise UserError(f"{last_line(error)}: {what}") from error
        if built.reached:
            raise
        raise cannot_be_built(config, error) from error


def cannot_be_built(config: Path | str, error: Exception) -> UserError:
    """Of an error that came of a configuration."""
    return UserError(
        f"{config} is no configuration that can be built ({type(error).__name__}: {last_line(error)}); correct it, or "
        "what --set changes in it; --debug shows where"
    )


def last_line(error: Exception) -> str:
    """The last line: a data loader's worker puts its traceback in front of it. Of a KeyError without the quotes."""
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    lines = text.strip().splitlines() or ["without a word"]
    return lines[-1].removeprefix(f"{type(error).__name__}: ")
