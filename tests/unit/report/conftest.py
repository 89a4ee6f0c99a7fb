"""Makes `fake_run` importable whatever pytest's import mode, and shares one fake run between tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fake_run import write_fake_run


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with hostile documents, names and recipe; tests read it only."""
    return write_fake_run(tmp_path_factory.mktemp("run") / "hostile")
