"""What is installed, for checkpoints and reports."""

from importlib.metadata import PackageNotFoundError, version


def installed(package: str) -> str | None:
    """Its version; None for what was not installed as a package (an engine of one's own)."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
