r"""How many held-out documents have a near duplicate on another side, by how documents are kept together; and growth.

    GRISTMILL_DATA=... python bench/split/leaks.py [--documents 20000] [--output bench/results/split]

Reads the first documents of `corpus/documents-*.jsonl.zst`, as they are: no filter, no dedup. Every arm is a run; its
pairs are counted twice: by the run's own proof, and here, by counting shared runs of words in a dictionary, with
another definition of a word (`\w+`). Growth: a tenth of the documents comes later, behind the others. Nothing is timed.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.curate.run import CuratedRun, curate
from gristmill.curate.verify import verify_run
from gristmill.errors import GristmillError

SHARES = "validation = 0.1\ntest = 0.1\n"
ARMS = {
    "documents": 'group_by = "document"',
    "packages": 'group_by = ["package"]',
    "clusters": 'group_by = "cluster"',
    "clusters and packages": 'group_by = ["cluster", "package"]',
}
ORDER = {"train": 0, "validation": 1, "test": 2}
WORD = re.compile(r"\w+")


def read(folder: Path, number: int) -> Iterator[dict[str, object]]:
    """Yield the first documents of the corpus; the field `source` becomes `package`."""
    for path in sorted((folder / "corpus").glob("documents-*.jsonl.zst")):
        with io.BufferedReader(pa.input_stream(str(path), compression="zstd")) as lines:
            for line in lines:
                if number == 0:
                    return
                number -= 1
                row = json.loads(line)
                yield {"id": row["id"], "text": row["text"], "package": row["source"]}


def write(folder: Path, rows: Sequence[Mapping[str, object]], *, late: int) -> None:
    """Write the documents into files of 500; the last `late` of them into files that sort behind the others."""
    folder.mkdir(parents=True)
    for name, part in (("a", rows[: len(rows) - late]), ("b", rows[len(rows) - late :])):
        for start in range(0, len(part), 500):
            lines = [json.dumps(row) + "\n" for row in part[start : start + 500]]
            (folder / f"{name}-{start:06d}.jsonl").write_text("".join(lines), encoding="utf-8")


def run(folder: Path, name: str, keys: str, *, files: str = "*.jsonl") -> CuratedRun:
    """Curate the documents with that split."""
    recipe = folder / f"{name}.toml"
    recipe.write_text(
        f'[run]\noutput = "run-{name}"\npartition_bytes = "4MiB"\n[[source]]\nname = "corpus"\nid = "id"\n'
        f'paths = ["documents/{files}"]\n[split]\n{SHARES}{keys}\n',
        encoding="utf-8",
    )
    return curate(recipe, workers=1)


def rows_of(path: Path) -> list[tuple[str, str, str]]:
    """Return key, side and text of every kept document."""
    rows = []
    for part in sorted((path / "documents").glob("*.parquet")):
        table = pq.read_table(part, columns=["key", "split", "text"])
        rows += [(row["key"].hex(), row["split"], row["text"]) for row in table.to_pylist()]
    return rows


def shingles(text: str) -> frozenset[int]:
    """Return hashes of the runs of five words of a text; one of all words where there are fewer."""
    words = [word.lower() for word in WORD.findall(text)]
    if not words:
        return frozenset([hash(text)])
    return frozenset(hash(tuple(words[at : at + 5])) for at in range(max(1, len(words) - 4)))


def second_count(rows: Sequence[tuple[str, str, str]], least: float = 0.8) -> tuple[int, int]:
    """Return pairs across sides of at least that similarity, and held-out documents that are in one."""
    held = [(key, ORDER[side], shingles(text)) for key, side, text in rows if side != "train"]
    holders: defaultdict[int, list[int]] = defaultdict(list)
    for position, (_, _, own) in enumerate(held):
        for shingle in own:
            holders[shingle].append(position)
    pairs, leaking = 0, set()
    for key, side, text in rows:
        if side == "test":
            continue
        own = shingles(text)
        shared: Counter[int] = Counter()
        for shingle in own:
            if shingle in holders:
                shared.update(holders[shingle])
        for position, number in shared.items():
            other, other_side, other_set = held[position]
            if other_side > ORDER[side] and other != key:
                similarity = number / (len(own) + len(other_set) - number)
                if similarity >= least:
                    pairs += 1
                    leaking.add(other)
    return pairs, len(leaking)


def keep(output: Path, figures: Mapping[str, object]) -> None:
    """Write what is measured so far."""
    output.mkdir(parents=True, exist_ok=True)
    (output / "figures.json").write_text(
        json.dumps(figures, indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )


def measure(number: int, data: Path, work: Path, output: Path) -> None:
    """Write all figures; what `output` has of the same number of documents is not measured again."""
    known = output / "figures.json"
    figures: dict[str, object] = json.loads(known.read_bytes()) if known.is_file() else {}
    if figures.get("documents") != number:
        figures = {}
    rows = list(read(data, number))
    late = len(rows) // 11
    write(work / "documents", rows, late=late)
    figures |= {"documents": len(rows), "packages": len({row["package"] for row in rows})}
    arms = cast(dict[str, object], figures.setdefault("arms", {}))
    for name, keys in ARMS.items():
        if name in arms:
            continue
        try:
            done = run(work, name.replace(" ", "-"), keys)
        except GristmillError as error:
            arms[name] = {"refused": f"{error.code}: {error}"}
            keep(output, figures)
            continue
        split = cast(Mapping[str, Mapping[str, object]], done.manifest["split"])
        kept = rows_of(done.path)
        pairs, leaking = second_count(kept)
        held_out = sum(side != "train" for _, side, _ in kept)
        arms[name] = {
            "sides": split["documents"],
            "groups": split["groups"],
            "left_out": split["left_out"],
            "pairs_found": split["proof"]["pairs_found"],
            "pairs": split["proof"]["pairs"],
            "compared": split["proof"]["compared"],
            "second_count": {
                "pairs": pairs,
                "held_out_with_pair": leaking,
                "share_of_held_out": round(leaking / held_out, 4),
            },
            "verify": verify_run(done.path).ok,
        }
        keep(output, figures)
    before = {
        key: side for key, side, _ in rows_of(run(work, "before", ARMS["clusters"], files="a-*.jsonl").path)
    }
    growth: dict[str, object] = {"documents_before": len(before), "documents_added": late}
    for name, keys in (
        ("without memory", ARMS["clusters"]),
        ("with previous", ARMS["clusters"] + '\nprevious = "run-before"'),
    ):
        done = run(work, name.replace(" ", "-"), keys)
        after = {key: side for key, side, _ in rows_of(done.path)}
        split = cast(Mapping[str, Mapping[str, object]], done.manifest["split"])
        growth[name] = {
            "moved": sum(after[key] != side for key, side in before.items() if key in after),
            "gone": sum(key not in after for key in before),
            "left_out": split["left_out"],
            "pairs": split["proof"]["pairs"],
            "second_count": second_count(rows_of(done.path))[0],
        }
    keep(output, figures | {"growth": growth})


def main() -> None:
    """Measure and write `figures.json`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--output", type=Path, default=Path("bench/results/split"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gristmill-leaks-") as work:
        measure(options.documents, Path(os.environ["GRISTMILL_DATA"]), Path(work), options.output)


if __name__ == "__main__":
    main()
