"""Token shards of a finished run in the formats of other training programs: Megatron-LM, MosaicML Streaming, Parquet.

The package can be called: ``gristmill.export("runs/demo", format="megatron", output="out")`` is
`gristmill.export.run.export`. Needs pyarrow only; none of the programs has to be installed. Not here: reading the
results (their own programs do that), and curation.
"""

from gristmill.export.run import FORMATS, Exported
from gristmill.export.target import MANIFEST_NAME

__all__ = ["FORMATS", "MANIFEST_NAME", "Exported"]
