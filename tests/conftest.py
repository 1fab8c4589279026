"""What every test may ask for."""

import os
import sys
import types
from pathlib import Path

import pytest

# torchvision's compiled part does not load beside a CPU build of torch. open_clip, which the tests compare with, needs
# only its pure-Python parts, and those load once this module is not looked for. Nowhere in the product.
sys.modules.setdefault("torchvision._meta_registrations", types.ModuleType("torchvision._meta_registrations"))

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root():
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared():
    """Papers' numbers and real data that are kept outside the repository (TANDEMCLIP_SHARED, or ../shared)."""
    path = Path(os.environ.get("TANDEMCLIP_SHARED", ROOT.parent / "shared"))
    if not path.is_dir():
        pytest.skip(f"the shared data is not at {path}; set TANDEMCLIP_SHARED to where it lies")
    return path
