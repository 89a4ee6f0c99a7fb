"""gristmill's side: `gristmill.near_duplicates` on the texts of a JSONL file."""

from __future__ import annotations

from importlib.metadata import version

import pyarrow as pa
from measure import Task, run

# Named here, so that what they need is imported before the clock starts.
from gristmill import near_duplicates, read


def deduplicate(task: Task) -> None:
    """Read with gristmill's reader, deduplicate, write."""
    table = pa.Table.from_batches(batch.select(["id", "text"]) for batch in read(task.documents, id="id"))
    found = near_duplicates(table, **task.settings)  # type: ignore[arg-type]
    names = found.column("id").to_pylist()
    task.write(
        (name, row is not None, None if row is None else names[row])
        for name, row in zip(names, found.column("duplicate_of").to_pylist(), strict=True)
    )


if __name__ == "__main__":
    # pyarrow imports pandas, where it is installed, when it makes its first array: an import, so before the clock.
    pa.array([""])
    run(deduplicate, {"gristmill": version("gristmill")})
