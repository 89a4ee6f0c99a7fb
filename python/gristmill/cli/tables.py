"""Reading the tables of a run folder a batch at a time. Memory: one batch, whatever the size of the run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gristmill.errors import GristmillError

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 4096


def read_json(path: Path) -> dict[str, object]:
    """Return a JSON object.

    Raises
    ------
    GristmillError
        ``GM-CLI-008`` when there is none.
    """
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise GristmillError("GM-CLI-008", f"`{path}` cannot be read as JSON: {error}") from error
    if not isinstance(value, dict):
        raise GristmillError("GM-CLI-008", f"`{path}` holds no JSON object")
    return value


def manifest_of(run_folder: Path) -> dict[str, object]:
    """Return the manifest of a finished run.

    Raises
    ------
    GristmillError
        ``GM-RUN-002`` when there is none.
    """
    if not (run_folder / "manifest.json").is_file():
        raise GristmillError(
            "GM-RUN-002",
            f"no finished run in `{run_folder}`",
            hint="run `gristmill curate RECIPE`; it continues where it stopped",
        )
    return read_json(run_folder / "manifest.json")


def files_under(run_folder: Path, manifest: Mapping[str, object], prefix: str) -> list[Path]:
    """Return the files of a run whose names begin so, as the manifest lists them."""
    files = cast(Sequence[Mapping[str, object]], manifest["files"])
    return [run_folder / str(file["path"]) for file in files if str(file["path"]).startswith(prefix)]


def batches(path: Path, *, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield a file's rows in batches: Parquet, or an Arrow IPC file.

    Raises
    ------
    GristmillError
        ``GM-CLI-008`` when it is neither.
    """
    import pyarrow as pa
    import pyarrow.ipc
    import pyarrow.parquet

    try:
        if path.suffix == ".parquet":
            with pa.parquet.ParquetFile(path) as file:
                yield from file.iter_batches(batch_size=BATCH_ROWS, columns=columns)
        else:
            with pa.memory_map(str(path)) as mapped, pa.ipc.open_file(mapped) as reader:
                for index in range(reader.num_record_batches):
                    batch = reader.get_batch(index)
                    yield batch if columns is None else batch.select(columns)
    except (OSError, pa.ArrowException) as error:
        raise GristmillError("GM-CLI-008", f"`{path}` cannot be read: {error}") from error


def find_rows(
    paths: Sequence[Path], column: str, value: object, *, limit: int = 1000
) -> Iterator[tuple[Path, int, dict[str, object]]]:
    """Yield (file, row in it, values) where a column has a value, in file order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    num_found = 0
    for path in paths:
        first_row = 0
        for batch in batches(path):
            wanted = pa.scalar(value, batch.schema.field(column).type)
            matches = pc.indices_nonzero(
                pc.fill_null(pc.equal(batch.column(column), wanted), False)
            ).to_pylist()
            for row in matches:
                yield path, first_row + row, batch.slice(row, 1).to_pylist()[0]
                num_found += 1
                if num_found == limit:
                    return
            first_row += batch.num_rows
