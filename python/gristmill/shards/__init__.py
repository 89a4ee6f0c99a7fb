"""Reading the token shards of a finished run: the file format between curation and training.

Needs pyarrow only. Not here: packing and masks (`gristmill.loader`), writing (curation's native tasks).
"""

from gristmill.shards.digest import digest_file
from gristmill.shards.manifest import ShardFile, SplitManifest, read_split
from gristmill.shards.reading import Document, ShardMetadata, Shards, open_shards

__all__ = [
    "Document",
    "ShardFile",
    "ShardMetadata",
    "Shards",
    "SplitManifest",
    "digest_file",
    "open_shards",
    "read_split",
]
