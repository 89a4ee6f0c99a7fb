"""Makes the helpers importable whatever pytest's import mode, and fixes the number of threads."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

for _folder in (Path(__file__).parents[1] / "shards", Path(__file__).parent):
    sys.path.insert(0, str(_folder))


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Tiny tensors run fastest on one thread, and sums then have one order on every machine."""
    torch.set_num_threads(1)
