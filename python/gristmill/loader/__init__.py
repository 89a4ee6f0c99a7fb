"""From token shards to packed rows: order, mixing, packing, masks, and exact resume.

Needs numpy and pyarrow; no torch. `gristmill.loader.torch_data` holds what needs torch: a data set, and reading ahead
to a GPU. Not here: models, devices, the optimiser (`gristmill.train`).
"""

from gristmill.loader.batch import Batch, BatchArrays
from gristmill.loader.ledger import Ledger
from gristmill.loader.loader import Loader
from gristmill.loader.mixing import Mixing, Phase, unimax
from gristmill.loader.rows import IGNORED, Piece, Row, build_row
from gristmill.loader.state import LoaderState

__all__ = [
    "IGNORED",
    "Batch",
    "BatchArrays",
    "Ledger",
    "Loader",
    "LoaderState",
    "Mixing",
    "Phase",
    "Piece",
    "Row",
    "build_row",
    "unimax",
]
