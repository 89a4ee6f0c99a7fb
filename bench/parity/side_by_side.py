"""What scripts that compare a rule with another tool's own code share: documents, the tool's process, counting.

A script has two sides in one file. Run with gristmill's Python it picks documents, starts itself with the tool's Python
as `--answer`, and compares; the answering side reads JSON lines of requests and writes one JSON line for each.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

Answer = Mapping[str, object]


def arguments(description: str | None) -> argparse.Namespace:
    """Return the arguments that every such script takes."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--answer", action="store_true", help="be the tool's side: requests on stdin")
    parser.add_argument("--tool-python", help="Python with the tool's dependencies")
    parser.add_argument("--checkout", type=Path, help="folder with the tool's source")
    parser.add_argument("--corpus", type=Path, help="folder with documents-*.jsonl.zst")
    parser.add_argument("--one-in", type=int, default=12, help="share of the documents to compare")
    parser.add_argument("--write-cases", action="store_true", help="write tests/parity/cases again")
    return parser.parse_args()


def documents(corpus: Path, one_in: int) -> list[str]:
    """Return the texts of one document in so many, by a hash of its id, in the order of the files."""
    import zstandard

    texts = []
    for path in sorted(corpus.glob("documents-*.jsonl.zst")):
        with path.open("rb") as file:
            lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
            for line in lines:
                record = json.loads(line)
                digest = blake2b(record["id"].encode(), digest_size=8).digest()
                if int.from_bytes(digest, "little") % one_in == 0:
                    texts.append(record["text"])
    return texts


def ask(script: str, tool: argparse.Namespace, requests: Iterable[Answer]) -> list[Answer]:
    """Return what the tool's side of `script` answers to each request."""
    command = [tool.tool_python, script, "--answer", "--checkout", str(tool.checkout)]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        file.writelines(json.dumps(request) + "\n" for request in requests)
        file.seek(0)
        done = subprocess.run(command, stdin=file, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def answer(function: Callable[[Answer], Answer]) -> None:
    """Be the tool's side: one answer for each request."""
    for line in sys.stdin:
        print(json.dumps(function(json.loads(line))))


def ours(use: str, config: Mapping[str, object], texts: Sequence[str]) -> Iterator[tuple[str, Answer]]:
    """Yield the text that gristmill's step leaves of each text, and the values of its columns."""
    import pyarrow as pa

    from gristmill import _native

    steps = json.dumps([{"name": "step", "use": use, "where": [], "config": dict(config)}])
    left, found = _native.run_steps(pa.array(texts, pa.large_string()), steps, True, None, _native.Session())
    names = [name.removeprefix("step.") for name in found.schema.names]
    for text, row in zip(left.to_pylist(), found.to_pylist(), strict=True):
        yield text, dict(zip(names, row.values(), strict=True))


def is_equal(left: object, right: object, tolerance: float) -> bool:
    """Return whether two values are the same, floats within an absolute tolerance."""
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return abs(left - right) <= tolerance
    return left == right


class Tally:
    """Counts how often something is alike, by name, and remembers the first texts where it isn't."""

    def __init__(self) -> None:
        self._equal: Counter[str] = Counter()
        self._all: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}

    def add(self, name: str, *, is_alike: bool, example: str) -> None:
        """Count one comparison."""
        self._all[name] += 1
        self._equal[name] += is_alike
        if not is_alike and len(self._examples.setdefault(name, [])) < 3:
            self._examples[name].append(example)

    def report(self) -> None:
        """Print a line a name, and examples of what differs."""
        for name, number in self._all.items():
            equal = self._equal[name]
            print(f"{name:45} {equal:6} of {number:6} alike ({equal / number:.3%})")
            for example in self._examples.get(name, []):
                print(f"    {example}")


def write_cases(folder: str, use: str, tool: str, how: str, cases: Sequence[Answer], **more: object) -> None:
    """Write `tests/parity/<folder>/<use>.json`, a case a line, for the tests to hold gristmill to."""
    path = Path(__file__).resolve().parents[2] / "tests" / "parity" / folder / f"{use}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    head = json.dumps({"tool": tool, "how": how, **more}).removesuffix("}")
    lines = ",\n".join("  " + json.dumps(case) for case in cases)
    path.write_text(f'{head}, "cases": [\n{lines}\n]}}\n', encoding="utf-8")
    print(f"wrote {len(cases)} cases to {path}")


def excerpts() -> list[str]:
    """Return short beginnings of documents that the repository ships, so that cases have real text."""
    import zstandard

    folder = Path(__file__).resolve().parents[2] / "examples" / "quickstart" / "corpus"
    texts = []
    for path in sorted(folder.glob("*.jsonl.zst")):
        with path.open("rb") as file:
            lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
            texts += [json.loads(next(lines))["text"][:1500] for _ in range(4)]
    return texts


NASTY = (
    "",
    " ",
    "\n",
    "\n \n\n",
    "\0",
    "word",
    "a\0b c\0 d",
    "e\u0301\u0302 e\u0301 e",
    "שלום עולם. مرحبا بالعالم؟",
    "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽\n👍 👍 👍",
    "abc где 漢字 ไทย. 三つ 3",
    "\u00a0no\u00a0break \u001cspaces\u001f here\u2028and there",
    "one\r\ntwo three\rfour five\u0085six seven",
    "İstanbul İ ı ſ K Å Σας ΣΑΣ ΣΑΣ.",
    "x" * 3000,
    "Same line again.\n" * 12,
)
"""Texts that break careless code."""
