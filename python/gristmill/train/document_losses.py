"""What each document cost in training, summed over all its pieces: `document_losses.parquet`.

A loss far above its source's says that a text is unlike the rest (noise, another language, a wrong label); one near
zero says that there was nothing to learn (boilerplate, a copy of what was read before). The step `training_loss` of a
later curation reads the file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.shards import Shards
from gristmill.train.files import sync

LOSSES_SCHEMA = pa.schema(
    [
        pa.field("doc", pa.uint64(), nullable=False),
        pa.field("key", pa.binary(16), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("epochs", pa.float64(), nullable=False),
        pa.field("tokens", pa.int64(), nullable=False),
        pa.field("loss", pa.float64()),
        pa.field("first_loss", pa.float64()),
        pa.field("last_loss", pa.float64()),
    ]
)
"""Losses are means in nats a trained token; `tokens` counts those, over all epochs; `epochs` is how often its tokens
were placed in rows. A document none of whose tokens was trained has null losses."""

Numbers = npt.NDArray[np.int64]
Losses = npt.NDArray[np.float64]


class DocumentLosses:
    """Sums of the losses of each document of a split, in the order of the steps.

    Sums are taken one piece after the other, so they do not depend on how often checkpoints are written. Memory: 64
    bytes a document of the split.

    Parameters
    ----------
    shards
        The split that is trained on.
    """

    def __init__(self, shards: Shards) -> None:
        self._shards = shards
        self._lengths = np.maximum(shards.lengths().to_numpy(zero_copy_only=False).astype(np.int64), 1)
        self.forget()

    def forget(self) -> None:
        """Start anew."""
        num_documents = len(self._lengths)
        self._covered: Numbers = np.zeros(num_documents, np.int64)
        self._last_epoch: Numbers = np.full(num_documents, -1, np.int64)
        self._sums: dict[str, Losses] = {name: np.zeros(num_documents) for name in ("all", "first", "last")}
        self._counts: dict[str, Numbers] = {name: np.zeros(num_documents, np.int64) for name in self._sums}

    def add(self, pieces: pa.Table) -> None:
        """Take in pieces as `batches/` has them, in order. Time: some passes over their numbers."""
        index = pieces["index"].to_numpy().astype(np.int64)
        starts, stops = (pieces[name].to_numpy().astype(np.int64) for name in ("start", "stop"))
        # A piece with start > 0 begins with a token of context that the piece before has placed.
        new = stops - starts - (starts > 0)
        epochs = (self._covered[index] + _before(index, new)) // self._lengths[index]
        np.add.at(self._covered, index, new)
        newest = self._last_epoch.copy()
        np.maximum.at(newest, index, epochs)
        begun = newest > self._last_epoch
        self._last_epoch = newest
        self._sums["last"][begun] = 0.0
        self._counts["last"][begun] = 0
        # Pieces of a step whose loss was not finite changed no weight, and say nothing.
        losses = pieces["loss"].to_numpy()
        is_known = ~np.isnan(losses)
        trained = pieces["trained"].to_numpy().astype(np.int64)
        chosen = {
            "all": is_known,
            "first": is_known & (epochs == 0),
            "last": is_known & (epochs == newest[index]),
        }
        for name, mask in chosen.items():
            np.add.at(self._sums[name], index[mask], losses[mask])
            np.add.at(self._counts[name], index[mask], trained[mask])

    def table(self) -> pa.Table:
        """Return a row for each document that was seen, in shard order; the parts of a divided one are put together."""
        names = self._shards.columns(["doc", "key", "source"])
        docs = names["doc"].to_numpy()
        if len(docs) == 0:
            return LOSSES_SCHEMA.empty_table()
        # Parts of a document stand one behind the other.
        firsts = np.flatnonzero(np.concatenate([[True], docs[1:] != docs[:-1]]))
        covered = np.add.reduceat(self._covered, firsts)
        seen = np.flatnonzero(covered > 0)
        rows = names.take(pa.array(firsts[seen]))

        def summed(array: Numbers) -> Numbers:
            found: Numbers = np.add.reduceat(array, firsts)[seen]
            return found

        def mean(name: str) -> pa.Array:
            sums, counts = np.add.reduceat(self._sums[name], firsts)[seen], summed(self._counts[name])
            with np.errstate(invalid="ignore", divide="ignore"):
                return pa.array(sums / counts, mask=counts == 0)

        return pa.table(
            {
                "doc": rows["doc"],
                "key": rows["key"],
                "source": rows["source"].cast(pa.string()),
                "epochs": pa.array(covered[seen] / summed(self._lengths)),
                "tokens": pa.array(summed(self._counts["all"])),
                "loss": mean("all"),
                "first_loss": mean("first"),
                "last_loss": mean("last"),
            },
            schema=LOSSES_SCHEMA,
        )

    def write(self, path: Path) -> None:
        """Replace the file: after a crash it holds either the old losses or the new."""
        unfinished = path.with_name(f".{path.name}.tmp")
        pq.write_table(self.table(), unfinished, compression="zstd")
        sync(unfinished)
        unfinished.replace(path)
        sync(path.parent)


def _before(index: Numbers, amounts: Numbers) -> Numbers:
    """Return for each piece the sum of the amounts of earlier pieces of the same document."""
    order = np.argsort(index, kind="stable")
    sums = np.cumsum(amounts[order]) - amounts[order]
    documents = index[order]
    is_first = np.concatenate([[True], documents[1:] != documents[:-1]]) if len(index) else np.zeros(0, bool)
    at_first = np.maximum.accumulate(np.where(is_first, sums, 0))
    found = np.empty_like(sums)
    found[order] = sums - at_first
    return found
