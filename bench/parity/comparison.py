"""Compares a step's values with those of another tool's functions, for the scripts of NeMo Curator and Data-Juicer.

The tool runs in its own Python, which is handed JSON lines of `text` and `config` and answers a line each: `values` by
column, null where its function raises, and `keep`, its decision by column. Not here: the tools themselves.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

Values = Mapping[str, object]


def answer(measure: Callable[[str, Mapping[str, object]], tuple[Values, Values]]) -> None:
    """Run as the tool: answer every request on stdin with the values and decisions of `measure`."""
    for line in sys.stdin:
        request = json.loads(line)
        values, keep = measure(request["text"], request.get("config", {}))
        print(json.dumps({"values": values, "keep": keep}), flush=True)


def ask(script: str, python: Path, requests: Sequence[Mapping[str, object]]) -> list[dict[str, Values]]:
    """Return the tool's answers, in order."""
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    command = [str(python), script, "--as-tool"]
    done = subprocess.run(
        command, input=lines, stdout=subprocess.PIPE, text=True, check=True, encoding="utf-8"
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def measure(use: str, requests: Sequence[Mapping[str, object]]) -> list[Values]:
    """Return the columns that gristmill measures, in order."""
    import pyarrow as pa

    from gristmill import _native

    found: list[Values] = []
    for request in requests:
        steps = [{"name": use, "where": [], "use": use, "config": request.get("config", {})}]
        texts = pa.array([request["text"]], pa.large_utf8())
        [row] = _native.run_steps(texts, json.dumps(steps), False, None, _native.Session())[1].to_pylist()
        found.append({name.removeprefix(f"{use}."): value for name, value in row.items()})
    return found


def corpus_texts(folder: Path, num_documents: int) -> Iterator[str]:
    """Yield texts of the corpus: `documents-*.jsonl.zst`, evenly from each file."""
    import zstandard

    files = sorted(folder.glob("documents-*.jsonl.zst"))
    for file in files:
        with file.open("rb") as stream:
            lines = io.TextIOWrapper(
                zstandard.ZstdDecompressor().stream_reader(stream), encoding="utf-8", newline="\n"
            )
            for _, line in zip(range(num_documents // len(files)), lines, strict=False):
                yield json.loads(line)["text"]


def example_texts(num_characters: int) -> list[str]:
    """Return the beginnings of a few documents that the repository ships, cut after so many characters."""
    path = REPOSITORY / "examples/quickstart/corpus/licences.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for _, line in zip(range(40), lines, strict=False)]
    return [text[:num_characters] for text in texts[::8]]


def compare(use: str, ours: Sequence[Values], theirs: Sequence[Mapping[str, Values]]) -> bool:
    """Print, by column, how often values and decisions agree; return whether all do."""
    from gristmill.recipe import BUILTIN_STEPS

    step = BUILTIN_STEPS[use].model_validate({"use": use, "name": use})
    same, failed, decided, different = Counter(), Counter(), Counter(), {}
    columns = list(theirs[0]["values"])
    for position, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        for column in columns:
            if other["values"][column] is None:
                failed[column] += 1
                continue
            if mine[column] == other["values"][column]:
                same[column] += 1
            else:
                different.setdefault(column, (position, mine[column], other["values"][column]))
            limits = [limit for limit in step.thresholds() if limit.column == column]
            keep = all(keeps(mine[column], limit.keep, limit.threshold) for limit in limits)
            decided[column] += keep == other["keep"][column]
    print(f"{use}: {len(ours)} documents")
    for column in columns:
        compared = len(ours) - failed[column]
        note = f"; first difference {different[column]}" if column in different else ""
        print(
            f"  {column:36} values {same[column]} of {compared}, decisions {decided[column]} of {compared}, "
            f"the tool fails on {failed[column]}{note}"
        )
    return not different


def keeps(value: object, comparison: str, threshold: float) -> bool:
    """Return whether a threshold keeps a value; null is always kept."""
    if value is None:
        return True
    number = float(value)  # type: ignore[arg-type]
    return {"<=": number <= threshold, ">=": number >= threshold, "==": number == threshold}[comparison]


def write_cases(
    use: str, tool: str, how: str, requests: Sequence[Mapping[str, object]], theirs: Sequence[object]
) -> None:
    """Write `tests/parity/cases/<use>.json`: texts, configurations and what the tool's functions return for them."""
    cases = [
        {**request, "expect": {name: value for name, value in answer["values"].items() if value is not None}}
        for request, answer in zip(requests, theirs, strict=True)
    ]
    path = REPOSITORY / "tests/parity/cases" / f"{use}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"tool": tool, "how": how, "cases": cases}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=True) + "\n", encoding="utf-8")
    print(f"{len(cases)} cases in {path}")


def run(
    *,
    script: str,
    use: str,
    tool: str,
    how: str,
    as_tool: Callable[[], Callable[[str, Mapping[str, object]], tuple[Values, Values]]],
    cases: Callable[[], list[dict[str, object]]],
) -> int:
    """Run a script's command line; return 1 when values differ."""
    parser = argparse.ArgumentParser(description=f"Compare {use} with {tool}.")
    parser.add_argument("--as-tool", action="store_true", help="answer requests, in the tool's Python")
    parser.add_argument("--python", type=Path, help="the tool's Python")
    parser.add_argument("--corpus", type=Path, help="folder with documents-*.jsonl.zst")
    parser.add_argument("--documents", type=int, default=8000)
    parser.add_argument("--write-cases", action="store_true")
    arguments = parser.parse_args()
    if arguments.as_tool:
        answer(as_tool())
        return 0
    agree = True
    if arguments.corpus is not None:
        requests: list[dict[str, object]] = [
            {"text": text} for text in corpus_texts(arguments.corpus, arguments.documents)
        ]
        agree = compare(use, measure(use, requests), ask(script, arguments.python, requests))
    if arguments.write_cases:
        requests = cases()
        write_cases(use, tool, how, requests, ask(script, arguments.python, requests))
    return 0 if agree else 1
