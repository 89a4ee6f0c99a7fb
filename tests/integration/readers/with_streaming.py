"""Reads an export with mosaicml-streaming and writes the same with its writer: `with_streaming.py EXPORT SCRATCH`.

Prints one JSON object: the samples as both of its classes read them, and whether its own files have the same bytes.
"""

import json
import sys
from pathlib import Path

import numpy as np
from streaming import LocalDataset, MDSWriter, StreamingDataset


def plain(sample: dict[str, object]) -> dict[str, object]:
    """Return a sample as JSON values."""
    return {
        name: value.hex()
        if isinstance(value, bytes)
        else value.tolist()
        if isinstance(value, (np.ndarray, np.generic))
        else value
        for name, value in sample.items()
    }


folder, scratch = Path(sys.argv[1]), Path(sys.argv[2])
index = json.loads((folder / "train/index.json").read_bytes())
first = index["shards"][0]
is_compressed = first["compression"] is not None
streaming = StreamingDataset(
    local=str(folder), split="train", shuffle=False, batch_size=1, validate_hash="sha256", keep_zip=True
)
samples = [streaming[number] for number in range(len(streaming))]
local = None if is_compressed else LocalDataset(str(folder), split="train")
columns = dict(zip(first["column_names"], first["column_encodings"], strict=True))
is_writable = all(len(sample["tokens"]) for sample in samples)
if is_writable:
    with MDSWriter(
        out=str(scratch / "train"),
        columns=columns,
        compression=first["compression"],
        hashes=first["hashes"],
        size_limit=first["size_limit"],
    ) as writer:
        for sample in samples:
            writer.write(sample)
raw_names = [shard["raw_data"]["basename"] for shard in index["shards"]]
again = json.loads((scratch / "train/index.json").read_bytes()) if is_writable else {"shards": []}
sys.stdout.write(
    json.dumps(
        {
            "samples": [plain(sample) for sample in samples],
            "local": None if local is None else [plain(local[number]) for number in range(len(local))],
            "same_index": is_writable
            and [shard["raw_data"] for shard in again["shards"]]
            == [shard["raw_data"] for shard in index["shards"]],
            "same_bytes": is_writable
            and not is_compressed
            and (scratch / "train/index.json").read_bytes() == (folder / "train/index.json").read_bytes()
            and all(
                (scratch / "train" / name).read_bytes() == (folder / "train" / name).read_bytes()
                for name in raw_names
            ),
        }
    )
)
