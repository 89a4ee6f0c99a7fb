"""Times tokenising against `tokenizers` and, where installed, `tiktoken` and `gigatoken`, rounds in turn, one thread.

    python bench/tokens/speed.py TOKENIZER.json... --corpus DATA/corpus --python-rivals RIVALS/bin/python

`--python-rivals` names the interpreter of an environment with the rivals (`tiktoken==0.14.0`, `gigatoken==0.10.0`);
gristmill runs in the one that runs this. Each library makes its best call for a batch: arrays for gristmill and
gigatoken, `encode_batch_fast` for `tokenizers`, `encode_ordinary` a text for `tiktoken`, which has nothing faster.

Every measurement is a process of its own, which encodes half of the documents (*cold*: caches empty), the other half
(*out of sample*), and that half again (*warm*). CPU time, text in memory; loading is timed by itself.
Megabytes are 10^6 bytes of UTF-8. The kinds: all documents drawn by hash, those marked English, and those of Chinese,
Japanese or Korean.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
KINDS = ("mixed", "English", "CJK")
LIBRARIES = ("gristmill", "tokenizers", "tiktoken", "gigatoken")


def is_east_asian(text: str) -> bool:
    """Say whether a third of a text's first characters are Chinese, Japanese or Korean."""
    head = text[:2000]
    wide = sum(
        "\u3040" <= c <= "\u30ff" or "\u4e00" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7a3" for c in head
    )
    return wide > len(head) / 3


def choose(corpus: Path, megabytes: float) -> dict[str, list[str]]:
    """Return the texts of each kind, drawn in the order of the hash of their ids."""
    import gristmill

    chosen: dict[str, list[tuple[str, str]]] = {kind: [] for kind in KINDS}
    for path in sorted(corpus.glob("documents-*.jsonl.zst")):
        for table in gristmill.read([path]):
            for row in table.to_pylist():
                text = row["text"]
                if not text or len(text) > 200_000:
                    continue
                place = hashlib.blake2b(str(row["id"]).encode(), digest_size=8).hexdigest()
                chosen["mixed"].append((place, text))
                metadata = json.loads(row["metadata"] or "{}")
                if metadata.get("lang") == "en":
                    chosen["English"].append((place, text))
                if is_east_asian(text):
                    chosen["CJK"].append((place, text))
    result = {}
    for kind, rows in chosen.items():
        texts, size = [], 0
        for _, text in sorted(rows):
            texts.append(text)
            size += len(text.encode())
            if size > megabytes * 1e6:
                break
        result[kind] = texts
    return result


def encoder(library: str, file: Path) -> Any:
    """Return a function that encodes a list of texts and returns the number of ids."""
    if library == "gristmill":
        import pyarrow as pa

        import gristmill

        ours = gristmill.Tokenizer(file, "hf")

        def encode_ours(texts: list[str]) -> Any:
            array = pa.array(texts, pa.large_utf8())
            return lambda: len(ours.encode_batch(array).values)

        return encode_ours
    if library == "tokenizers":
        from tokenizers import Tokenizer

        theirs = Tokenizer.from_file(str(file))
        return lambda texts: (
            lambda: sum(
                len(encoding) for encoding in theirs.encode_batch_fast(texts, add_special_tokens=False)
            )
        )
    if library == "tiktoken":
        from tiktoken_file import load

        encoding = load(file)
        return lambda texts: lambda: sum(len(encoding.encode_ordinary(text)) for text in texts)
    import awkward
    import gigatoken

    giga = gigatoken.Tokenizer(str(file))
    return lambda texts: lambda: len(awkward.to_layout(giga.encode_batch(texts, parallel=False)).content)


def measure(library: str, file: Path, texts_file: Path) -> None:
    """Print the CPU seconds of each pass as JSON; runs in a process of its own."""
    texts = json.loads(texts_file.read_bytes())
    half = len(texts) // 2
    parts = {"cold": texts[:half], "out of sample": texts[half:], "warm": texts[half:]}
    started = time.process_time()
    encode = encoder(library, file)
    result: dict[str, dict[str, float]] = {"load": {"seconds": time.process_time() - started}}
    for name, part in parts.items():
        work = encode(part)
        started = time.process_time()
        ids = work()
        seconds = time.process_time() - started
        size = sum(len(text.encode()) for text in part)
        result[name] = {"megabytes_per_s": size / 1e6 / seconds, "ids": ids}
    print(json.dumps(result))


def compare(file: Path, kind: str, texts_file: Path, rounds: int, python_rivals: Path) -> dict[str, Any]:
    """Run every library in turn and return the medians; libraries that cannot load the file are left out."""
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1"}
    speeds: dict[str, dict[str, list[float]]] = {}
    num_ids: dict[str, dict[str, int]] = {}
    for _ in range(rounds):
        for library in LIBRARIES:
            python = sys.executable if library == "gristmill" else str(python_rivals)
            command = [python, __file__, str(file), "--library", library, "--texts", str(texts_file)]
            done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
            if done.returncode != 0:
                continue
            for name, found in json.loads(done.stdout).items():
                value = found["seconds"] if name == "load" else found["megabytes_per_s"]
                speeds.setdefault(library, {}).setdefault(name, []).append(value)
                if name != "load":
                    num_ids.setdefault(library, {})[name] = found["ids"]
    medians = {
        library: {name: round(statistics.median(values), 2) for name, values in passes.items()}
        for library, passes in speeds.items()
    }
    same = {library: ids == num_ids["gristmill"] for library, ids in num_ids.items()}
    name = file.name.removesuffix(".tokenizer.json")
    return {"tokenizer": name, "kind": kind, "median": medians, "same_number_of_ids": same}


def lines_of(row: dict[str, Any]) -> list[str]:
    """Return a row of the table for each library: megabytes a second, and how many times that gristmill does."""
    ours = row["median"]["gristmill"]
    lines = []
    for library, passes in row["median"].items():
        cells = [
            f"{passes[name]:.1f}" + ("" if library == "gristmill" else f" ({ours[name] / passes[name]:.1f}x)")
            for name in ("cold", "out of sample", "warm")
        ]
        note = "" if row["same_number_of_ids"][library] else " (other ids)"
        cells = [f"{row['tokenizer']}, {row['kind']}", library + note, f"{passes['load']:.2f}", *cells]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    """Run every library in turn and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tokenizers", type=Path, nargs="+")
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--megabytes", type=float, default=24.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--python-rivals", type=Path, default=Path(sys.executable))
    parser.add_argument("--library", help=argparse.SUPPRESS)
    parser.add_argument("--texts", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, default=HERE.parent / "results" / "tokens")
    arguments = parser.parse_args()
    if arguments.library:
        measure(arguments.library, arguments.tokenizers[0], arguments.texts)
        return
    arguments.output.mkdir(parents=True, exist_ok=True)
    rows = []
    load_before = os.getloadavg()[0]
    for kind, texts in choose(arguments.corpus, arguments.megabytes).items():
        if kind not in arguments.kinds:
            continue
        texts_file = arguments.output / "texts.json"
        texts_file.write_text(json.dumps(texts), encoding="utf-8")
        for file in arguments.tokenizers:
            row = compare(file, kind, texts_file, arguments.rounds, arguments.python_rivals)
            rows.append(row)
            print("\n".join(lines_of(row)), flush=True)
        texts_file.unlink()
    figures = {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "load_average": [round(load_before, 1), round(os.getloadavg()[0], 1)],
        "rounds": arguments.rounds,
        "megabytes": arguments.megabytes,
        "rows": rows,
    }
    (arguments.output / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    table = [
        "| tokenizer, texts | library | load, s | cold | out of sample | warm |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for row in rows:
        table += lines_of(row)
    (arguments.output / "table.md").write_text("\n".join(table) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
