"""Reads an export with megatron-core and writes the same with its builder: `with_megatron.py EXPORT SCRATCH`.

Prints one JSON object: the sequences, their documents, and whether its own files have the same bytes.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from megatron.core.datasets.indexed_dataset import IndexedDataset, IndexedDatasetBuilder

found = {}
for name in ("train", "train.mask"):
    prefix = Path(sys.argv[1]) / name
    if not prefix.with_name(f"{name}.idx").exists():
        continue
    dataset = IndexedDataset(str(prefix))
    scratch = Path(sys.argv[2]) / name
    kind = np.uint8 if name.endswith("mask") else dataset.index.dtype
    builder = IndexedDatasetBuilder(f"{scratch}.bin", dtype=kind)
    for number in range(len(dataset)):
        # torch has no uint16 that numpy takes back; the builder converts to its own type.
        builder.add_document(torch.tensor(dataset[number].astype(np.int64)), [len(dataset[number])])
    builder.finalize(f"{scratch}.idx")
    found[name] = {
        "sequences": [dataset[number].tolist() for number in range(len(dataset))],
        "documents": dataset.document_indices.tolist(),
        "dtype": dataset.index.dtype.__name__,
        "same_bytes": all(
            Path(f"{prefix}{suffix}").read_bytes() == Path(f"{scratch}{suffix}").read_bytes()
            for suffix in (".bin", ".idx")
        ),
    }
sys.stdout.write(json.dumps(found))
