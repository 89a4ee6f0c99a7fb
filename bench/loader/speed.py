"""Times reading packed rows against MosaicML `streaming` and Hugging Face `datasets`, rounds in turn, one process.

    python bench/loader/speed.py --folder SCRATCH [--tokens 100000000] [--rounds 5] [--output bench/results/loader]

Every reader sees the same documents (lengths log-normal with median 600, as of web text; two-byte ids) in files of its
own format, and delivers shuffled batches of 8 rows of 4,096 places. CPU time of the process with all its threads, page
cache warm, each reader once before it is timed. What each delivers differs, and is said beside it:

- gristmill packs whole documents with best-fit and makes tokens, restarting positions, targets, bounds and a table of
  the documents in each batch. `int64` is what torch's embeddings take.
- streaming and datasets have no packing. They read documents one by one (`documents`), or rows that were cut from one
  long string of tokens beforehand (`rows`), which have neither document bounds nor masks; tokens only.

Rivals that are not installed are left out. A rival's row is the fastest way of reading that its documentation shows.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa

from gristmill.shards import Shards, open_shards

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/unit/shards"))

ROW = 4096
BATCH_ROWS = 8
BATCH_DOCUMENTS = 4096
SHARD_DOCUMENTS = 65_536
Reader = Callable[[int], Iterator[int]]
"""Given the round, which seeds the shuffling, yields the tokens of each batch."""


def main() -> None:
    """Make the corpus, time every reader, and write figures and a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, help="scratch folder; takes some times the corpus")
    parser.add_argument("--tokens", type=int, default=100_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path(__file__).parents[1] / "results/loader")
    parser.add_argument("--without-rivals", action="store_true")
    parser.add_argument("--memory", type=Path, help="only measure memory, with the run in this folder")
    options = parser.parse_args()
    if options.memory:
        print(json.dumps(measure_memory(options.memory)))
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    lengths = make_lengths(options.tokens)
    run = make_run(options.folder / f"run-{options.tokens}", lengths)
    readers: dict[str, tuple[Reader, str]] = {
        "gristmill, int64": (ours(run, "int64"), PACKED),
        "gristmill, int64, new arrays": (ours(run, "int64", is_reused=False), PACKED),
        "gristmill, int32": (ours(run, "int32"), PACKED),
        "gristmill, int32, masks only": (ours(run, "int32", targets="mask"), PACKED),
        "gristmill, int64, rank 3 of 8": (ours(run, "int64", rank=3, num_ranks=8), PACKED),
        "gristmill, int64, two sources mixed": (ours(run, "int64", is_mixed=True), PACKED),
    }
    if not options.without_rivals:
        readers |= rivals(options.folder, run, options.tokens)
    seconds: dict[str, list[float]] = {name: [] for name in readers}
    tokens: dict[str, int] = {}
    for number in range(options.rounds + 1):
        for name, (reader, _) in readers.items():
            started = time.process_time()
            read = sum(reader(number))
            if number:
                seconds[name].append((time.process_time() - started) / read)
            tokens[name] = read
            print(
                f"round {number}  {name:40}  {read / (time.process_time() - started) / 1e6:8.1f} M tokens/s"
            )
    figures = {
        "machine": f"{cpu_name()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "load": os.getloadavg()[0],
        "corpus": {
            "documents": len(lengths),
            "tokens": int(lengths.sum()),
            "median": int(np.median(lengths)),
        },
        "rounds": options.rounds,
        "versions": {
            name: version(name) for name in installed("mosaicml-streaming", "datasets", "pyarrow", "numpy")
        },
        "readers": {
            name: {
                "delivers": delivers,
                "tokens": tokens[name],
                "million_tokens_per_cpu_s": round(1e-6 / statistics.median(seconds[name]), 1),
                "least": round(1e-6 / max(seconds[name]), 1),
                "most": round(1e-6 / min(seconds[name]), 1),
            }
            for name, (_, delivers) in readers.items()
        },
        "packing": packing(run),
        "memory": memory(options.folder),
    }
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    (options.output / "table.md").write_text(table(figures))
    print(table(figures))


PACKED = "packed documents with positions, targets and bounds"
DOCUMENTS = "single documents, tokens only"
ROWS = "rows cut beforehand, tokens only"


def make_lengths(num_tokens: int) -> np.ndarray:
    """Return lengths of documents that add up to about `num_tokens`."""
    rng = np.random.default_rng(11)
    guess = rng.lognormal(np.log(600), 1.0, num_tokens // 500)
    lengths = np.clip(guess, 1, 200_000).astype(np.int64)
    return lengths[: int(np.searchsorted(np.cumsum(lengths), num_tokens)) + 1]


def ids_of(number: int, length: int) -> np.ndarray:
    """Return tokens that are cheap to make."""
    return ((np.arange(length, dtype=np.uint32) * 7 + number * 13) % 49_152).astype(np.uint16)


def make_run(folder: Path, lengths: np.ndarray) -> Path:
    """Write a finished run with shards as curation lays them out; a folder that is there already is taken."""
    if (folder / "manifest.json").exists():
        return folder
    from shard_fixture import SOURCES, schema

    shape = schema(vocabulary_size="49152")
    files = []
    for first in range(0, len(lengths), SHARD_DOCUMENTS):
        path = folder / f"tokens/train/shard-{first // SHARD_DOCUMENTS:05d}.arrow"
        path.parent.mkdir(parents=True, exist_ok=True)
        last = min(len(lengths), first + SHARD_DOCUMENTS)
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, shape) as writer:
            for start in range(first, last, BATCH_DOCUMENTS):
                numbers = range(start, min(last, start + BATCH_DOCUMENTS))
                offsets = np.concatenate([[0], np.cumsum(lengths[numbers.start : numbers.stop])])
                ids = ids_of(first, int(offsets[-1]))
                columns = [
                    pa.array(numbers, pa.uint64()),
                    pa.FixedSizeBinaryArray.from_buffers(
                        pa.binary(16), len(numbers), [None, pa.py_buffer(bytes(16 * len(numbers)))]
                    ),
                    pa.nulls(len(numbers), pa.string()),
                    pa.DictionaryArray.from_arrays(
                        pa.array([number % 2 for number in numbers], pa.int16()), list(SOURCES)
                    ),
                    pa.ListArray.from_arrays(
                        pa.array(offsets, pa.int32()), pa.array(ids), type=shape.field("tokens").type
                    ),
                    pa.nulls(len(numbers), shape.field("mask").type),
                ]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=shape))
        size = path.stat().st_size
        name = path.relative_to(folder).as_posix()
        files.append({"path": name, "bytes": size, "rows": last - first, "digest": f"sha256:{first:064x}"})
    counts = {"by_source": {name: {} for name in SOURCES}}
    manifest = {"schema_version": 1, "plan": "00", "counts": counts, "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def ours(run: Path, dtype: str, *, is_mixed: bool = False, is_reused: bool = True, **more: object) -> Reader:
    """Return a reader of this project's rows, into arrays that are used again or not."""
    from gristmill.loader import Loader, Mixing

    shards = open_shards(run, verify=False)
    mixing = Mixing(shares={"web": 0.7, "books": 0.3}, max_epochs=1) if is_mixed else None

    def read(number: int) -> Iterator[int]:
        options = {"seed": number, "batch_rows": BATCH_ROWS, "dtype": dtype, "mixing": mixing, **more}
        loader = Loader(shards, sequence_length=ROW, **options)
        arrays = loader.new_arrays() if is_reused else None
        while (batch := loader.next_batch(out=arrays)) is not None:
            yield len(batch.tokens)

    return read


def packing(run: Path) -> dict[str, float]:
    """Return the share of padding, and the time of planning alone."""
    from gristmill.loader import Loader

    loader = Loader(open_shards(run, verify=False), sequence_length=ROW)
    started = time.process_time()
    loader.skip(10**12)
    seconds = time.process_time() - started
    ledger = loader.ledger
    return {
        "padding_percent": round(100 * ledger.padded / (ledger.rows * ROW), 3),
        "planning_ns_a_document": round(1e9 * seconds / ledger.documents, 1),
    }


def memory(folder: Path) -> list[dict[str, int]]:
    """Return what shards and loader take in processes of their own, for corpora of few and many record batches."""
    found = []
    for batches in (20, 2000):
        run = make_run(folder / f"short-{batches}", np.full(batches * BATCH_DOCUMENTS, 4))
        done = subprocess.run(
            [sys.executable, __file__, "--memory", str(run)], capture_output=True, text=True, check=True
        )
        found.append(json.loads(done.stdout))
    return found


def measure_memory(run: Path) -> dict[str, int]:
    """Return the memory that opening shards and packing from them adds to this process; mapped files do not count."""
    from gristmill.loader import Loader

    before = anonymous_kb()
    shards = open_shards(run, verify=False)
    opened = anonymous_kb()
    loader = Loader(shards, sequence_length=ROW)
    for _ in range(100):
        loader.next_batch()
    return {
        "documents": len(shards),
        "record_batches": num_batches(shards),
        "shards_kb": opened - before,
        "loader_kb": anonymous_kb() - opened,
    }


def num_batches(shards: Shards) -> int:
    """Return the number of record batches of all files."""
    return sum(pa.ipc.open_file(file.buffers()[1]).num_record_batches for file in shards.files())


def anonymous_kb() -> int:
    """Return the memory of this process that no file is behind, in kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1])


def installed(*names: str) -> list[str]:
    """Return those of these packages that are installed."""
    found = []
    for name in names:
        try:
            version(name)
        except ImportError:
            continue
        found.append(name)
    return found


def rivals(folder: Path, run: Path, num_tokens: int) -> dict[str, tuple[Reader, str]]:
    """Return the readers of other tools that are installed, after writing what they read."""
    found: dict[str, tuple[Reader, str]] = {}
    present = installed("mosaicml-streaming", "datasets")
    if "datasets" in present:
        found |= datasets_readers(folder / f"datasets-{num_tokens}", run)
    if "mosaicml-streaming" in present:
        found |= streaming_readers(folder / f"mds-{num_tokens}", run)
    return found


def rows_of(run: Path) -> Iterator[np.ndarray]:
    """Yield rows cut from all documents, one behind the other."""
    left = np.empty(0, np.uint16)
    for path in sorted((run / "tokens/train").glob("*.arrow")):
        tokens = pa.ipc.open_file(pa.memory_map(str(path))).read_all().column("tokens")
        left = np.concatenate([left, tokens.combine_chunks().flatten().to_numpy()])
        whole = len(left) // ROW * ROW
        yield from left[:whole].reshape(-1, ROW)
        left = left[whole:]


def datasets_readers(folder: Path, run: Path) -> dict[str, tuple[Reader, str]]:
    """Return readers by `datasets`: documents straight from the shards, and rows."""
    import datasets

    datasets.disable_progress_bars()
    files = sorted(str(path) for path in (run / "tokens/train").glob("*.arrow"))
    cache = str(folder / "cache")
    documents = datasets.load_dataset("arrow", data_files=files, split="train", cache_dir=cache)
    documents = documents.select_columns(["tokens"]).with_format("numpy")
    if not (folder / "rows").exists():
        parts = [pa.array(list(rows_of(run)), pa.list_(pa.uint16()))]
        datasets.Dataset(pa.table({"tokens": parts[0]})).save_to_disk(str(folder / "rows"))
    rows = datasets.load_from_disk(str(folder / "rows")).with_format("numpy")

    def read_documents(number: int) -> Iterator[int]:
        for batch in (
            documents.to_iterable_dataset().shuffle(seed=number, buffer_size=1000).iter(batch_size=64)
        ):
            yield sum(len(tokens) for tokens in batch["tokens"])

    def read_rows(number: int) -> Iterator[int]:
        for batch in (
            rows.to_iterable_dataset().shuffle(seed=number, buffer_size=1000).iter(batch_size=BATCH_ROWS)
        ):
            yield int(np.stack(batch["tokens"]).astype(np.int64).size)

    def read_in_order(_: int) -> Iterator[int]:
        for batch in rows.iter(batch_size=BATCH_ROWS):
            yield int(np.stack(batch["tokens"]).astype(np.int64).size)

    return {
        "datasets, documents": (read_documents, DOCUMENTS),
        "datasets, rows": (read_rows, ROWS),
        "datasets, rows, not shuffled": (read_in_order, ROWS),
    }


def streaming_readers(folder: Path, run: Path) -> dict[str, tuple[Reader, str]]:
    """Return readers by `streaming`: documents and rows, each in MDS files."""
    from streaming import MDSWriter, StreamingDataset
    from streaming.base.util import clean_stale_shared_memory

    def write(name: str, arrays: Iterator[np.ndarray]) -> Path:
        out = folder / name
        if not (out / "index.json").exists():
            shutil.rmtree(out, ignore_errors=True)
            with MDSWriter(out=str(out), columns={"tokens": "ndarray:uint16"}) as writer:
                for tokens in arrays:
                    writer.write({"tokens": tokens})
        return out

    documents = write(
        "documents", (document.tokens.to_numpy() for document in open_shards(run, verify=False))
    )
    rows = write("rows", rows_of(run))

    def reader(path: Path, size: int) -> Reader:
        def read(number: int) -> Iterator[int]:
            clean_stale_shared_memory()
            dataset = StreamingDataset(local=str(path), shuffle=True, shuffle_seed=number, batch_size=size)
            batch = []
            for sample in dataset:
                batch.append(sample["tokens"])
                if len(batch) == size:
                    yield sum(len(tokens) for tokens in batch)
                    batch = []

        return read

    def read_rows(number: int) -> Iterator[int]:
        clean_stale_shared_memory()
        dataset = StreamingDataset(local=str(rows), shuffle=True, shuffle_seed=number, batch_size=BATCH_ROWS)
        batch = []
        for sample in dataset:
            batch.append(sample["tokens"])
            if len(batch) == BATCH_ROWS:
                yield int(np.stack(batch).astype(np.int64).size)
                batch = []

    return {"streaming, documents": (reader(documents, 64), DOCUMENTS), "streaming, rows": (read_rows, ROWS)}


def cpu_name() -> str:
    """Return the processor's name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )


def table(figures: dict) -> str:
    """Return the figures as Markdown."""
    lines = ["| reader | delivers | M tokens a CPU second |", "| --- | --- | ---: |"]
    for name, found in figures["readers"].items():
        spread = f"{found['million_tokens_per_cpu_s']} ({found['least']} to {found['most']})"
        lines.append(f"| {name} | {found['delivers']} | {spread} |")
    packed = figures["packing"]
    lines += [
        "",
        f"Median of {figures['rounds']} rounds, least and most. {figures['machine']}, load {figures['load']:.1f}.",
        f"Padding {packed['padding_percent']} %, planning {packed['planning_ns_a_document']} ns a document.",
        "",
        "| documents | record batches | open shards, kB | loader, kB |",
        "| ---: | ---: | ---: | ---: |",
    ]
    for used in figures["memory"]:
        lines.append("| " + " | ".join(str(value) for value in used.values()) + " |")
    lines.append("\nMemory of a process without mapped files, 100 batches read.")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
