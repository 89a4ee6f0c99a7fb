"""From token shards to packed rows: order, packing, masks, and exact resume.

Needs numpy and pyarrow; no torch. Not here: tensors, devices, the optimiser (`gristmill.train`).
"""

from gristmill.loader.ledger import Ledger
from gristmill.loader.loader import Loader, LoaderState
from gristmill.loader.order import EpochOrder, KeyedPermutation
from gristmill.loader.packing import PackingStream, Piece
from gristmill.loader.rows import IGNORED, Row, build_row

__all__ = [
    "IGNORED",
    "EpochOrder",
    "KeyedPermutation",
    "Ledger",
    "Loader",
    "LoaderState",
    "PackingStream",
    "Piece",
    "Row",
    "build_row",
]
