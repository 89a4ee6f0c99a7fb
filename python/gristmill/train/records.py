"""What training writes down as it goes: metrics, timings, and which document pieces each step saw.

- `metrics.jsonl`: one line a step (`step`, `loss`, `tokens`, `learning_rate`, `gradient_norm`) and one a validation
  (`step`, `validation_loss`, `perplexity`). Holds no time, so two runs of one recipe give the same bytes.
- `timings.jsonl`: seconds and rates, by step.
- `batches/`: Parquet, one row a piece of a document in a step, in batch order, with its summed loss and the digest of
  the packed row it stood in. With the shards it is enough to make a step's rows again, bit for bit (`trace`).
- `document_losses.parquet`: what each document cost, over all steps so far (`document_losses`).

Resuming from a checkpoint first drops what was written beyond its step.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.loader import Piece, Row, build_row
from gristmill.shards import Shards
from gristmill.train.digests import DIGEST_BYTES
from gristmill.train.document_losses import DocumentLosses
from gristmill.train.files import append_json, keep_lines, sync

BATCHES_SCHEMA = pa.schema(
    [
        pa.field("step", pa.uint32(), nullable=False),
        pa.field("row", pa.uint32(), nullable=False),
        pa.field("index", pa.uint64(), nullable=False),
        pa.field("doc", pa.uint64(), nullable=False),
        pa.field("key", pa.binary(16), nullable=False),
        pa.field("start", pa.uint32(), nullable=False),
        pa.field("stop", pa.uint32(), nullable=False),
        pa.field("trained", pa.uint32(), nullable=False),
        pa.field("loss", pa.float64()),
        pa.field("source", pa.string(), nullable=False),
        pa.field("row_digest", pa.binary(DIGEST_BYTES), nullable=False),
    ]
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PieceRecord:
    """A piece of a document as a step saw it.

    Parameters
    ----------
    step, row
        Step from 1, and row within it from 0.
    index
        The document's position in the split.
    doc, key
        Its names within the run and across runs.
    start, stop
        Its tokens ``start .. stop-1``; with start > 0 the first is context.
    trained
        Places whose prediction counted.
    loss
        Sum of their losses, before the step's update; None when the step's loss was not finite.
    source
        Name of the document's source.
    row_digest
        Of the packed row it stood in, see `row_digest`.
    """

    step: int
    row: int
    index: int
    doc: int
    key: bytes
    start: int
    stop: int
    trained: int
    loss: float | None
    source: str
    row_digest: bytes


def parts_of(batches: Path) -> list[tuple[int, int, Path]]:
    """Return the files of `batches/` in order, each with its first and last step.

    Examples
    --------
    >>> parts_of(Path("no/such/folder"))
    []
    """
    found = []
    for path in sorted(batches.glob("steps-*.parquet")):
        _, first, last = path.stem.split("-")
        found.append((int(first), int(last), path))
    return found


def pieces_of_step(folder: Path, step: int) -> pa.Table:
    """Return the pieces of a step in batch order; without rows for a step that the records do not hold.

    Reads the one file whose name says that it holds the step, and of that only row groups that can.
    """
    for first, last, path in parts_of(folder / "batches"):
        if first <= step <= last:
            return pq.read_table(path, schema=BATCHES_SCHEMA, filters=[("step", "=", step)])
    return BATCHES_SCHEMA.empty_table()


def rows_of_step(folder: Path, shards: Shards, step: int) -> list[Row]:
    """Return the packed rows of a step, made again from the records in `train/` and the shards.

    Steps since the last checkpoint of a training that was killed are not in the records. Returns no rows for a step
    that they do not hold.
    """
    rows: dict[int, list[Piece]] = {}
    for piece in pieces_of_step(folder, step).select(["row", "index", "start", "stop"]).to_pylist():
        rows.setdefault(piece["row"], []).append(Piece(piece["index"], piece["start"], piece["stop"]))
    return [build_row(shards, tuple(pieces)) for _, pieces in sorted(rows.items())]


def read_timings(folder: Path) -> list[dict[str, object]]:
    """Return the lines of `timings.jsonl` in `train/`, in order; a last line that was cut short is left out.

    Examples
    --------
    >>> read_timings(Path("no/such/folder"))
    []
    """
    path = folder / "timings.jsonl"
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


class Records:
    r"""The files of one training. Memory: the pieces since the last checkpoint, and what `losses` takes.

    Parameters
    ----------
    folder
        `train/` of the run.
    losses
        Sums up what each document cost; None writes no `document_losses.parquet`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     records = Records(Path(folder))
    ...     records.metric({"step": 1, "loss": 2.5})
    ...     records.flush()
    ...     Path(folder, "metrics.jsonl").read_text()
    '{"step": 1, "loss": 2.5}\n'
    """

    def __init__(self, folder: Path, losses: DocumentLosses | None = None) -> None:
        self._losses = losses
        self._losses_path = folder / "document_losses.parquet"
        self._metrics = folder / "metrics.jsonl"
        self._timings = folder / "timings.jsonl"
        self._batches = folder / "batches"
        self._pieces: list[PieceRecord] = []
        self._batches.mkdir(parents=True, exist_ok=True)

    def rewind(self, step: int) -> None:
        """Drop everything that was written for later steps, and with step 0 everything."""
        for path in (self._metrics, self._timings):
            keep_lines(path, lambda record: step > 0 and int(str(record["step"])) <= step)
        for part in sorted(self._batches.iterdir()):
            if part.suffix != ".parquet" or int(part.stem.rpartition("-")[2]) > step:
                part.unlink()
        if self._losses is not None:
            self._losses.forget()
            for _, _, part in parts_of(self._batches):
                self._losses.add(pq.read_table(part, schema=BATCHES_SCHEMA))
            self._losses_path.unlink(missing_ok=True)

    def metric(self, record: Mapping[str, object]) -> None:
        """Append a line to the metrics."""
        append_json(self._metrics, record)

    def timing(self, record: Mapping[str, object]) -> None:
        """Append a line to the timings."""
        append_json(self._timings, record)

    def pieces(self, records: Sequence[PieceRecord]) -> None:
        """Remember the pieces of a step until the next `flush`."""
        self._pieces.extend(records)

    def flush(self) -> None:
        """Make everything durable: before each checkpoint, so that a checkpoint never knows more than the records."""
        if self._pieces:
            names = BATCHES_SCHEMA.names
            columns = {name: [getattr(piece, name) for piece in self._pieces] for name in names}
            first, last = self._pieces[0].step, self._pieces[-1].step
            final = self._batches / f"steps-{first:08d}-{last:08d}.parquet"
            unfinished = final.with_suffix(".tmp")
            table = pa.table(columns, BATCHES_SCHEMA)
            pq.write_table(table, unfinished, compression="zstd")
            sync(unfinished)
            unfinished.replace(final)
            self._pieces.clear()
            if self._losses is not None:
                self._losses.add(table)
                self._losses.write(self._losses_path)
        sync(self._batches)
        for path in (self._metrics, self._timings):
            if path.exists():
                sync(path)
