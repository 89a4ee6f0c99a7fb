"""From a training step to its documents and its batch, and from a document to the steps and checkpoints that saw it.

Everything is read from the records in `train/` and the run's shards: no model is loaded, and torch is not needed. Not
here: what curation knows of a document (`gristmill.cli.trace` puts both together).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from gristmill.errors import GristmillError
from gristmill.loader import Row
from gristmill.shards import Shards, open_shards
from gristmill.train.digests import row_digest, step_digest
from gristmill.train.records import BATCHES_SCHEMA, parts_of, pieces_of_step, rows_of_step


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """The records of one training.

    Parameters
    ----------
    run
        The run folder, where the shards are.
    folder
        The training's own folder.
    shards
        The split it was trained on.
    """

    run: Path
    folder: Path
    shards: Shards

    @property
    def last_recorded(self) -> int:
        """The last step whose pieces are written down; 0 for none."""
        return max((last for _, last, _ in parts_of(self.folder / "batches")), default=0)

    @property
    def checkpoints(self) -> list[int]:
        """Steps after which a checkpoint was written, in order; old ones may be gone from the disk."""
        return [last for _, last, _ in parts_of(self.folder / "batches")]

    @property
    def kept_checkpoints(self) -> list[int]:
        """Steps of the checkpoints that are still there."""
        names = (path.name.removeprefix("step-") for path in (self.folder / "checkpoints").glob("step-*"))
        return sorted(int(name) for name in names if name.isdigit())


def open_trace(run: Path, *, verify: bool = False) -> Trace:
    """Return the records of a run's training.

    Parameters
    ----------
    run
        A run folder, or the folder of a training below one.
    verify
        Whether the digests of the shards are compared first: one pass over them. A batch that is made again is
        compared with its own digest in any case.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-050`` without records, and what `open_shards` raises.

    Examples
    --------
    >>> open_trace(Path("no/such/run"))
    Traceback (most recent call last):
    gristmill.errors.GristmillError: `no/such/run` holds no records of a training
    """
    folder = run if (run / "batches").is_dir() else run / "train"
    if not (folder / "batches").is_dir():
        raise GristmillError(
            "GM-TRAIN-050",
            f"`{run}` holds no records of a training",
            hint="name a run folder after `gristmill train RECIPE`",
        )
    root = next((parent for parent in (folder, *folder.parents) if (parent / "manifest.json").is_file()), run)
    return Trace(run=root, folder=folder, shards=open_shards(root, verify=verify))


def step_pieces(trace: Trace, step: int) -> pa.Table:
    """Return the pieces that a step saw, in batch order, as `batches/` has them.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-051`` for a step that is not recorded, saying which are.
    """
    pieces = pieces_of_step(trace.folder, step)
    if pieces.num_rows:
        return pieces
    last, done = trace.last_recorded, _last_metric(trace.folder)
    recorded = f"steps 1 to {last} are recorded" if last else "no step is recorded yet"
    if last < step <= done:
        raise GristmillError(
            "GM-TRAIN-051",
            f"step {step} was done, but its documents are not recorded: {recorded}",
            hint="what came after the last checkpoint went with the process; the same `gristmill train` does those "
            "steps again, with the same documents",
        )
    raise GristmillError("GM-TRAIN-051", f"there is no step {step}: {recorded}", hint="`--step N`, from 1")


def documents_of_step(trace: Trace, step: int) -> list[dict[str, object]]:
    """Return what a step saw of each document, the one that raised its loss most first.

    ``raises`` is by how much the document lifts the step's loss above what its other documents cost: its trained
    tokens times the distance of its mean loss to theirs, over all trained tokens of the step, in nats. A mean alone
    would put the shortest texts on top, whose means vary most. None where the step's loss was not finite.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-051`` for a step that is not recorded.
    """
    pieces = step_pieces(trace, step).to_pylist()
    by_doc: dict[int, list[dict[str, Any]]] = {}
    for piece in pieces:
        by_doc.setdefault(piece["doc"], []).append(piece)
    total = sum(piece["trained"] for piece in pieces)
    is_finite = all(piece["loss"] is not None for piece in pieces)
    step_loss = sum(piece["loss"] for piece in pieces) if is_finite else 0.0
    found = []
    for doc, own in by_doc.items():
        trained = sum(piece["trained"] for piece in own)
        mean = raises = None
        if is_finite and trained:
            loss = sum(piece["loss"] for piece in own)
            others = (step_loss - loss) / (total - trained) if total > trained else 0.0
            mean, raises = loss / trained, (loss - others * trained) / total
        found.append(
            {
                "doc": doc,
                "key": own[0]["key"].hex(),
                "id": trace.shards.doc(own[0]["index"]).id,
                "source": own[0]["source"],
                "tokens": sum(piece["stop"] - piece["start"] for piece in own),
                "trained_tokens": trained,
                "loss": mean,
                "raises": raises,
                "parts": [_part(trace, piece) for piece in own],
            }
        )
    return sorted(found, key=lambda one: (-(one["raises"] or 0.0), one["doc"]))


def _part(trace: Trace, piece: Mapping[str, Any]) -> dict[str, object]:
    shard, row = trace.shards.place(piece["index"])
    where = {"shard": shard, "shard_row": row}
    return where | {name: piece[name] for name in ("row", "start", "stop")}


def metric_of_step(folder: Path, step: int) -> dict[str, object]:
    """Return the line of a step in `metrics.jsonl`, empty where there is none. Time: one pass over the file."""
    for record in _metrics(folder):
        if record.get("step") == step and "loss" in record:
            return dict(record)
    return {}


def rebuild_step(trace: Trace, step: int) -> tuple[list[Row], str]:
    """Return the rows of a step made again from the shards, and their digest, which is that of the training's own rows.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-051`` for a step that is not recorded, ``GM-TRAIN-052`` when a row differs from what was trained on.
    """
    pieces = step_pieces(trace, step)
    numbers = pieces["row"].to_numpy()
    firsts = np.flatnonzero(np.concatenate([[True], numbers[1:] != numbers[:-1]]))
    recorded: list[bytes] = pieces["row_digest"].take(pa.array(firsts)).to_pylist()
    rows = rows_of_step(trace.folder, trace.shards, step)
    found = [row_digest(row) for row in rows]
    for number, (expected, digest) in enumerate(zip(recorded, found, strict=True)):
        if expected != digest:
            raise GristmillError(
                "GM-TRAIN-052",
                f"row {number} of step {step} made again has digest `{digest.hex()}`, "
                f"trained on was `{expected.hex()}`",
                hint="the shards or the records were changed; `gristmill verify RUN` compares the shards",
            )
    return rows, step_digest(found)


def write_batch(rows: Sequence[Row], path: Path, *, step: int, digest: str) -> None:
    """Write rows as one safetensors file: `tokens`, `positions`, `targets`, `bounds` of pieces, `row_bounds`.

    All are int64 but `bounds`, int32 as attention kernels take it; rows are laid end to end, as in a forward pass.
    """
    from safetensors.numpy import save_file

    lengths = [piece.length for row in rows for piece in row.pieces]
    arrays: dict[str, np.ndarray[tuple[int], np.dtype[np.generic]]] = {
        "tokens": np.concatenate([row.tokens for row in rows]).astype(np.int64),
        "positions": np.concatenate([row.positions for row in rows]).astype(np.int64),
        "targets": np.concatenate([row.targets for row in rows]).astype(np.int64),
        "bounds": np.cumsum([0, *lengths]).astype(np.int32),
        "row_bounds": np.cumsum([0, *(len(row.tokens) for row in rows)]).astype(np.int64),
    }
    save_file(arrays, path, metadata={"step": str(step), "digest": digest})


def find_pieces(trace: Trace, column: str, values: Sequence[object]) -> Iterator[pa.Table]:
    """Yield the pieces whose `column` has one of these values, a record batch after the other, in order.

    Time: one pass over that column; other columns are read where there is a match. Memory: one record batch.
    """
    paths = [path for _, _, path in parts_of(trace.folder / "batches")]
    if not paths:
        return
    wanted = pa.array(values, BATCHES_SCHEMA.field(column).type)
    data = ds.dataset([str(path) for path in paths], schema=BATCHES_SCHEMA, format="parquet")
    # `use_threads` keeps the order, and would hold many batches at once.
    scanner = data.scanner(filter=ds.field(column).isin(wanted), use_threads=False, batch_readahead=1)
    for batch in scanner.to_batches():
        if batch.num_rows:
            yield pa.Table.from_batches([batch])


def exposure(trace: Trace, column: str, value: object) -> dict[str, object]:
    """Return which steps, tokens and checkpoints one document (`doc`) or one source (`source`) was part of.

    Time: one pass over the column. Memory: a record batch; for a source also 8 bytes a document of it.
    """
    steps: list[np.ndarray[tuple[int], np.dtype[np.int64]]] = []
    documents = np.zeros(0, np.uint64)
    pieces = tokens = trained = 0
    for table in find_pieces(trace, column, [value]):
        numbers = table["step"].to_numpy().astype(np.int64)
        steps.append(np.unique(numbers))
        documents = np.union1d(documents, table["doc"].to_numpy())
        pieces += table.num_rows
        tokens += pc.sum(pc.subtract(table["stop"], table["start"])).as_py()
        trained += pc.sum(table["trained"]).as_py()
    found = np.unique(np.concatenate(steps)) if steps else np.zeros(0, np.int64)
    first = int(found[0]) if len(found) else None
    saw = [step for step in trace.checkpoints if first is not None and step >= first]
    kept = trace.kept_checkpoints
    return {
        "steps": found.tolist(),
        "documents": len(documents),
        "pieces": pieces,
        "tokens": tokens,
        "trained_tokens": trained,
        "checkpoints": [{"step": step, "kept": step in kept} for step in saw],
        "last_clean_checkpoint": max((step for step in kept if first is None or step < first), default=None),
        "exports": [name for name in ("model", "adapter") if saw and (trace.folder / name).is_dir()],
    }


def _last_metric(folder: Path) -> int:
    steps = (int(str(record["step"])) for record in _metrics(folder) if "loss" in record)
    return max(steps, default=0)


def _metrics(folder: Path) -> Iterator[Mapping[str, object]]:
    path = folder / "metrics.jsonl"
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            try:
                yield json.loads(line)
            except ValueError:
                # The last line of a training that was killed while it wrote.
                return
