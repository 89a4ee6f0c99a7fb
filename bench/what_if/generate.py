"""Makes a run folder of any size with real distributions, holding only what `what-if` reads.

    python bench/what_if/generate.py RUN OUT --rows 100000000

RUN is a finished run. Rows of its `signals/` are drawn with replacement; see README.md beside this file.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import time
import tomllib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gristmill import _native
from gristmill.curate.finalise import build_manifest
from gristmill.curate.folder import RunFolder, canonical_json
from gristmill.curate.pipeline import Outcome
from gristmill.curate.plan import Plan, make_plan
from gristmill.recipe import load_recipe, toml_value

PART_ROWS = 500_000
GROUP_ROWS = 65_536
"""As the engine writes tables."""


def write_recipe(run: Path, out: Path, num_parts: int) -> Path:
    """Write a recipe with the run's filters, one source, and an input file for each part; return its path."""
    inputs = out / "inputs"
    inputs.mkdir(parents=True)
    for part in range(num_parts):
        (inputs / f"{part:05d}.jsonl").write_text('{"text": ""}\n' * 100, encoding="utf-8")
    tables = tomllib.loads((run / "recipe.toml").read_text(encoding="utf-8"))
    steps = [step for step in tables["step"] if not step["use"].endswith("_dedup")]
    recipe = {
        "run": {"output": "run", "partition_bytes": 1024},
        "source": [{"name": "drawn", "paths": ["inputs/*.jsonl"], "id": "id"}],
        "step": steps,
    }
    path = out / "recipe.toml"
    path.write_text(
        "".join(f"{name} = {toml_value(value)}\n" for name, value in recipe.items()), encoding="utf-8"
    )
    return path


def drawn(table: pa.Table, part: int, rows: int) -> pa.Table:
    """Return rows of a table, drawn with replacement, under new names."""
    draw = np.random.default_rng(part)
    taken = table.take(pa.array(draw.integers(len(table), size=rows)))
    docs = np.arange(rows, dtype=np.uint64) | np.uint64(part << 40)
    new = {
        "doc": pa.array(docs),
        "key": pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(16), rows, [None, pa.py_buffer(draw.bytes(16 * rows))]
        ),
        "id": pc.binary_join_element_wise("document", pc.cast(pa.array(docs), pa.string()), "-"),
        "source": pa.array(["drawn"]).take(pa.array(np.zeros(rows, dtype=np.int64))),
    }
    columns = [new.get(name, taken[name]) for name in table.column_names]
    return pa.table(columns, schema=table.schema)


def write_part(table: pa.Table, path: Path) -> None:
    """Write a table with the engine's settings."""
    pq.write_table(
        table,
        path,
        row_group_size=GROUP_ROWS,
        compression="zstd",
        compression_level=1,
        # Counts as INT32, as the engine has them.
        version="2.6",
        data_page_version="1.0",
    )


def decide(plan: Plan, folder: RunFolder, part: int, rows: int) -> dict[str, object]:
    """Run the decide task of a part and put its bits in place; return the task's manifest."""
    name = f"part-{part:05d}.parquet"
    path = folder.root / "signals" / name
    (folder.data / name).symlink_to(path.resolve())
    num_bytes, digest = _native.digest_file(path, _native.Session())
    signals = {"file": name, "bytes": num_bytes, "rows": rows, "digest": digest}
    place = folder.place("decide", part, hashlib.blake2b(name.encode(), digest_size=32).hexdigest())
    spec = {"task": "decide", "signals": signals, "thresholds": list(plan.thresholds), "place": place}
    done: dict[str, dict[str, dict[str, object]]] = json.loads(
        _native.run_task(json.dumps(spec), _native.Session())
    )
    (folder.data / str(done["outputs"]["decisions"]["file"])).rename(folder.root / "decisions" / name)
    return {**done, "signals": signals}


def outcome(plan: Plan, decided: list[dict[str, object]]) -> Outcome:
    """Return what the stages of such a run would have left, as far as its manifest tells of it."""
    maps, tokenise = [], []
    for part, done in enumerate(decided):
        signals, counts = done["signals"], done["counts"]
        rows = signals["rows"]  # type: ignore[index]
        file = {
            "bytes": plan.partitions[part].files[0].num_bytes,
            "digest": "blake3:" + 64 * "0",
            "documents": rows,
        }
        maps.append({"outputs": {"signals": signals}, "counts": {"files": [file], "readable": rows}})
        dropped = {rule: count for rule, count in counts["dropped"].items() if count}  # type: ignore[index]
        kept = counts["passed"]  # type: ignore[index]
        counts_done = {"documents_in": rows, "kept": kept, "dropped": dropped, "quarantined": {}}
        nothing = {"bytes": 0, "rows": 0, "digest": "blake3:" + 64 * "0"}
        tables = dict.fromkeys(("documents", "rejects", "edits"), nothing)
        tokenise.append({"outputs": tables, "counts": counts_done})
    return Outcome(maps=maps, decide=decided, settle=None, tokenise=tokenise, shards={}, stats={})


def main() -> None:
    """Make the folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, default=10_000_000)
    options = parser.parse_args()
    num_parts = -(-options.rows // PART_ROWS)
    plan = make_plan(load_recipe(write_recipe(options.run, options.out, num_parts)))
    folder = RunFolder(options.out / "run")
    folder.create()
    for name in ("signals", "decisions"):
        (folder.root / name).mkdir()
    wanted = {str(threshold["step"]) for threshold in plan.thresholds}
    table = pa.concat_tables(
        [pq.read_table(path) for path in sorted((options.run / "signals").glob("*.parquet"))]
    ).combine_chunks()
    decided = []
    decide_s = 0.0
    for part in range(num_parts):
        rows = min(PART_ROWS, options.rows - part * PART_ROWS)
        write_part(drawn(table, part, rows), folder.root / "signals" / f"part-{part:05d}.parquet")
        start = time.perf_counter()
        decided.append(decide(plan, folder, part, rows))
        decide_s += time.perf_counter() - start
        if part % 20 == 0:
            print(f"part {part} of {num_parts}", flush=True)
    shutil.rmtree(folder.work)
    (folder.root / "plan.json").write_bytes(canonical_json(plan.to_json_dict()))
    folder.manifest.write_bytes(canonical_json(build_manifest(plan, outcome(plan, decided))))
    num_bytes = sum(path.stat().st_size for path in folder.root.rglob("*.parquet"))
    print(
        f"{options.rows:,} rows, {len(table.column_names)} columns, {len(plan.thresholds)} thresholds of {len(wanted)} "
        f"steps, {num_bytes / 1e9:.1f} GB; decide took {decide_s / options.rows * 1e9:.0f} ns a row"
    )


if __name__ == "__main__":
    main()
