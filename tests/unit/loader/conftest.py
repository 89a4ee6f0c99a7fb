"""Makes `shard_fixture` and `reference` importable whatever pytest's import mode."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "shards"))
sys.path.insert(0, str(Path(__file__).parent))
