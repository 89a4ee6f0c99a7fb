"""Signatures from text, gristmill's two families against datatrove's, and whether the latter are equal bit for bit.

Both get the English documents of `bench/datatrove/english.py`. Every round runs datatrove once and gristmill's families
around it, each in a process of its own with one thread; the ratio is taken round by round.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import zstandard
from compare import processor, spread

HERE = Path(__file__).parent
KINDS = {
    "default": {"function": "xxhash", "precision": 64},
    "FineWeb": {"function": "sha1", "precision": 64},
    "xxhash 32": {"function": "xxhash", "precision": 32},
    "sha1 32": {"function": "sha1", "precision": 32},
}


def english_documents(corpus: Path, every: int) -> Iterator[dict[str, str]]:
    """Yield the English documents whose id hashes to 0 modulo `every`; with 20, those of `bench/datatrove`."""
    for path in sorted(corpus.glob("documents-*.jsonl.zst")):
        with path.open("rb") as file:
            stream = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
            for line in io.TextIOWrapper(stream, encoding="utf-8"):
                document = json.loads(line)
                digest = hashlib.sha256(document["id"].encode()).digest()
                if document.get("lang") == "en" and int.from_bytes(digest[:8], "big") % every == 0:
                    yield {"id": document["id"], "text": document["text"]}


def agreement(ours: Path, theirs: Path) -> dict[str, int]:
    """Return how many documents have equal signatures, and how many there are."""
    counts = {"documents": 0, "equal": 0, "unsigned": 0}
    with ours.open() as left, theirs.open() as right:
        for one, other in zip_longest(left, right):
            counts["documents"] += 1
            counts["equal"] += one == other
            counts["unsigned"] += other == "null\n"
    return counts


def main() -> None:
    """Choose documents, run rounds, compare, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--program", type=Path, required=True, help="`signature`, built from `kernel/`")
    parser.add_argument("--datatrove-python", required=True)
    parser.add_argument("--every", type=int, default=20, help="1 takes all English documents")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kinds", nargs="+", choices=sorted(KINDS), default=["default"])
    parser.add_argument("--output", type=Path, default=HERE.parent / "results" / "dedup_rivals")
    arguments = parser.parse_args()
    figures: dict[str, object] = {"processor": processor(), "every": arguments.every, "kinds": {}}
    lines = [
        "| kind | documents | bit-equal | datatrove MB/s | its signatures here | times | our own family | times |",
        "|---|---|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory(prefix="gristmill-bench-") as name:
        folder = Path(name)
        documents = folder / "documents.jsonl"
        with documents.open("w", encoding="utf-8") as out:
            for document in english_documents(arguments.corpus, arguments.every):
                out.write(json.dumps(document) + "\n")

        def ours(config: dict[str, object], signatures: Path) -> dict[str, object]:
            command = [str(arguments.program), str(documents), json.dumps(config), "3", str(signatures)]
            return dict(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))

        def theirs(hash_config: dict[str, object]) -> dict[str, object]:
            config = json.dumps({"bands": 14, "rows": 8, **hash_config})
            script = str(HERE / "signature_datatrove.py")
            command = [arguments.datatrove_python, script, str(documents), config, str(folder / "theirs")]
            done = subprocess.run(command, check=True, capture_output=True)
            return dict(json.loads(done.stdout.splitlines()[-1]))

        for kind in arguments.kinds:
            same = {"family": "datatrove", "hash": KINDS[kind]}
            seconds: dict[str, list[float]] = {"gristmill": [], "gristmill as datatrove": [], "datatrove": []}
            text_bytes = 0
            for number in range(arguments.rounds):
                own = [ours({}, folder / "own")]
                equal = [ours(same, folder / "ours")]
                rival = theirs(KINDS[kind])
                own.append(ours({}, folder / "own"))
                equal.append(ours(same, folder / "ours"))
                # Best of three passes before and after, the mean of both: the machine drifts under all alike.
                for side, runs in (("gristmill", own), ("gristmill as datatrove", equal)):
                    seconds[side].append(statistics.mean(min(run["seconds"]) for run in runs))  # type: ignore[call-overload]
                seconds["datatrove"].append(float(rival["seconds"]))  # type: ignore[arg-type]
                text_bytes = int(own[0]["text_bytes"])  # type: ignore[call-overload]
                figures["versions"] = rival["versions"]
                print(f"{kind}, round {number + 1}: load {os.getloadavg()[0]:.1f}", flush=True)
            ratios = {
                side: spread([slow / fast for slow, fast in zip(seconds["datatrove"], times, strict=True)])
                for side, times in seconds.items()
                if side != "datatrove"
            }
            counts = agreement(folder / "ours", folder / "theirs")
            speed = {side: text_bytes / 1e6 / statistics.median(times) for side, times in seconds.items()}
            lines.append(
                f"| {kind} | {counts['documents']} | {counts['equal'] / counts['documents']:.2%} "
                f"| {speed['datatrove']:.3f} | {speed['gristmill as datatrove']:.0f} "
                f"| {ratios['gristmill as datatrove']['median']:.0f} | {speed['gristmill']:.0f} "
                f"| {ratios['gristmill']['median']:.0f} |"
            )
            figures["kinds"][kind] = {  # type: ignore[index]
                **counts,
                "text_bytes": text_bytes,
                "cpu_s": {side: spread(times) for side, times in seconds.items()},
                "times_datatrove": ratios,
            }
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "signature.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    (arguments.output / "signature.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
