"""Makes the writer of small runs and the small readers importable whatever pytest's import mode."""

from __future__ import annotations

import sys
from pathlib import Path

for folder in (Path(__file__).parents[1] / "shards", Path(__file__).parent):
    sys.path.insert(0, str(folder))
