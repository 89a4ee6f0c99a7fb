"""Generates corpora of growing size, deduplicates each under a memory cap, and checks what was removed.

    cargo build --release --workspace --example generate_documents
    python bench/scale/run.py /somewhere/large --documents 1000000 5000000 20000000 --cap-mib 2048

For each size it prints, and writes to bench/results/scale/figures.json: wall and CPU seconds of the whole command and
by stage, seconds per million documents, peak memory, bytes that dedup left on disk a document, and how many duplicates
of the known families (see rust/engine/examples/generate_documents.rs) were removed, missed, and removed wrongly.

The cap is a memory cgroup (version 1) around the command where this process may make one; page cache counts there, too,
and is taken back by the kernel. Elsewhere the peak of the resident sets is compared with it. Linux only. A corpus is
removed after its run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

HERE = Path(__file__).parent
GENERATOR = HERE.parent.parent / "target" / "release" / "examples" / "generate_documents"
CGROUPS = Path("/sys/fs/cgroup/memory")
DOCUMENTS_PER_FILE = 250_000

RECIPE = """
[run]
output = "run"
scratch_memory = "{scratch_mib}MiB"
[[source]]
name = "generated"
paths = ["input/*.jsonl.zst"]
id = "id"
[[step]]
use = "exact_dedup"
survivor = "first"
[[step]]
use = "minhash_dedup"
survivor = "first"
"""


@contextmanager
def memory_cap(cap_mib: int) -> Iterator[Path | None]:
    """Yield a memory cgroup with a limit, or None where there cannot be one."""
    group = CGROUPS / f"gristmill-scale-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(cap_mib << 20))
    except OSError:
        yield None
        return
    try:
        yield group
    finally:
        group.rmdir()


def resident_kib(pid: int) -> int:
    """Return the resident sets of a process and all its descendants, in KiB; 0 for one that has ended."""
    total = 0
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total = int(line.split()[1])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return total
    return total + sum(resident_kib(int(child)) for child in children)


def run_capped(folder: Path, workers: int, cap_mib: int) -> dict[str, Any]:
    """Run the recipe and return time and memory."""
    with memory_cap(cap_mib) as group:
        command = [
            str(Path(sys.executable).with_name("gristmill")),
            "curate",
            str(folder / "recipe.toml"),
            "--workers",
            str(workers),
            "--quiet",
            "--json",
        ]
        if group is not None:
            command = ["/bin/sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh", *command]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        peak_kib = 0

        def watch() -> None:
            nonlocal peak_kib
            while process.poll() is None:
                peak_kib = max(peak_kib, resident_kib(process.pid))
                time.sleep(0.1)

        watcher = threading.Thread(target=watch)
        watcher.start()
        output, _ = process.communicate()
        watcher.join()
        wall_s = time.monotonic() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if process.returncode != 0:
            raise SystemExit(f"the command ended with {process.returncode}")
        cgroup = {}
        if group is not None:
            cgroup = {
                "cgroup_limit_hits": int((group / "memory.failcnt").read_text()),
                "cgroup_out_of_memory": "oom_kill 0" not in (group / "memory.oom_control").read_text(),
            }
    return {
        "wall_s": round(wall_s, 1),
        "cpu_s": round(
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            1,
        ),
        "peak_resident_mib": round(peak_kib / 1024),
        **cgroup,
        "digest": json.loads(output)["digest"],
    }


def stage_seconds(run: Path) -> dict[str, float]:
    """Return the wall seconds of each stage, from the first to the last event of it."""
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    for line in (run / "events.jsonl").read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        first.setdefault(event["stage"], event["time_s"])
        last[event["stage"]] = event["time_s"]
    return {stage: round(last[stage] - first[stage], 1) for stage in first}


def dedup_bytes(run: Path) -> int:
    """Return the bytes of what dedup keeps beside the texts: keys, buckets, edges, removals, clusters."""
    names = {
        f"{name}.bin" for name in ("index", "exact", "bands", "buckets", "edges", "removals", "clusters")
    }
    files = (run / "work" / "data").iterdir()
    return sum(path.stat().st_size for path in files if path.name.partition(".")[2] in names)


def check(run: Path, num_documents: int) -> dict[str, int]:
    """Compare what was removed with the families."""
    members: Counter[str] = Counter()
    wrong = 0
    for path in sorted((run / "rejects").glob("*.parquet")):
        file = pq.ParquetFile(path)
        for batch in file.iter_batches(columns=["id"]):
            for document_id in batch.column("id").to_pylist():
                kind, _, rest = document_id.partition("-")
                if kind == "a" or not rest.endswith(("-1", "-2")):
                    wrong += 1
                else:
                    members[rest.rpartition("-")[2]] += 1
    families = num_documents // 20
    return {
        "families": families,
        "equal_removed": members["1"],
        "equal_missed": families - members["1"],
        "near_removed": members["2"],
        "near_missed": families - members["2"],
        "removed_wrongly": wrong,
    }


def measure(folder: Path, num_documents: int, workers: int, cap_mib: int) -> dict[str, Any]:
    """Generate, run, check and clean up."""
    shutil.rmtree(folder / "run", ignore_errors=True)
    done = folder / f"generated-{num_documents}.json"
    num_files = max(2, num_documents // DOCUMENTS_PER_FILE)
    generate = [str(GENERATOR), str(folder / "input"), str(num_documents), str(num_files)]
    started = time.monotonic()
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "input").mkdir(parents=True)
        done.write_text(subprocess.run(generate, check=True, capture_output=True, text=True).stdout)
    generated = json.loads(done.read_text())
    generate_s = time.monotonic() - started
    # Half of the cap for what dedup may use; the rest is for two workers' batches and Python itself.
    recipe = RECIPE.format(scratch_mib=cap_mib // 2)
    (folder / "recipe.toml").write_text(recipe, encoding="utf-8")
    found = run_capped(folder, workers, cap_mib)
    run = folder / "run"
    millions = num_documents / 1e6
    row = {
        "documents": num_documents,
        "record_bytes": generated["record_bytes"],
        "generate_s": round(generate_s, 1),
        **found,
        "wall_s_per_million": round(found["wall_s"] / millions, 2),
        "cpu_s_per_million": round(found["cpu_s"] / millions, 2),
        "megabytes_per_cpu_second": round(generated["record_bytes"] / 1e6 / found["cpu_s"], 1),
        "dedup_bytes_a_document": round(dedup_bytes(run) / num_documents, 1),
        "stages_s": stage_seconds(run),
        **check(run, num_documents),
    }
    shutil.rmtree(folder)
    return row


def main() -> None:
    """Measure each size and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="room for 2.5 kB a document")
    parser.add_argument("--documents", type=int, nargs="+", default=[1_000_000, 5_000_000, 20_000_000])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cap-mib", type=int, default=2048)
    parser.add_argument("--output", type=Path, default=HERE.parent / "results" / "scale")
    arguments = parser.parse_args()
    rows = []
    for number in arguments.documents:
        rows.append(measure(arguments.folder / "corpus", number, arguments.workers, arguments.cap_mib))
        print(json.dumps(rows[-1]), flush=True)
    arguments.output.mkdir(parents=True, exist_ok=True)
    figures = {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "workers": arguments.workers,
        "cap_mib": arguments.cap_mib,
        "runs": rows,
    }
    (arguments.output / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
