"""Compares several steps with one tool's functions, for the scripts of Dolma, Curator's Gopher filters and C4's words.

The tool runs in its own Python, which is handed JSON lines of `use`, `text` and `config`, and answers a line each:
`values` by column, null where its function raises or says nothing, and `keep`, its decision by column. A tool that only
decides answers no values. Not here: the tools themselves.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

Values = Mapping[str, object]
Measure = Callable[[str, str, Mapping[str, object]], tuple[Values, Values]]
"""Takes step, text and keys."""


def example_texts(num_characters: int) -> list[str]:
    """Return the beginnings of a few documents that the repository ships, cut after so many characters."""
    path = REPOSITORY / "examples/quickstart/corpus/licences.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for _, line in zip(range(40), lines, strict=False)]
    return [text[:num_characters] for text in texts[::8]]


TEXTS = [
    "",
    " ",
    "\n",
    "\n\n\n",
    "word",
    "two words",
    "The mill grinds slowly, but it grinds fine. So they say!",
    "- a list\n* of things\n- of things\n  - deep inside…\n* of things\n…\n",
    "•one\n‣ two\n ⁃ three\n⦿ four\nread more\nRead More..\nand so on...\n[...]\n -»\n(…)\n",
    "# ## #a #a# ##a #x#y# … ... [...] (...) […] -» word… wo#rd",
    "The cat and THE dog, with the cat and the dog, have to be with the cat and that the dog. and of of of",
    "one\n\ntwo\n\none\n\n\none\n\n\n\n\ntwo\n \n\t\none",
    "a b c d e f g h i j k l m n o a b c d e f g h i j k l m n o x a b c d e f g h i j",
    "x y x y x y x y x y x y x y x y x y",
    "buy now and save big today " * 12,
    "buy now\nand save\tbig  today " * 6,
    "Same line again.\n" * 9 + "Another one, once.\n",
    "e\u0301te\u0301 naïve Ⓐ ⅷ ²³ ١٢٣ _x_ 漢字 かな ไทย हिन्दी \u0345 ʰ ª",
    "a\u00a0b\u2003c\x1cd\x85e\u200bf\x0bg\x0ch\u2028i\u3000j",
    "line one\r\nline two\r\nline one\r\n",
    "İstanbul ΣΑΣ Straße ǅ K\u212a ſ",
    "👩\u200d👩\u200d👧 🏳️\u200d🌈 👍🏽\n😀 !!!\n***\n---\n« — »\n$ + = ^ ` | ~\n© ™ °\nⒶ Ⓑ\n①②\n",
    "tiny " * 3 + "extraordinarilylongword" * 4,
    "#" * 40,
    *(text[:1500] for text in example_texts(1500)),
]
"""Texts that show every rule, and odd ones."""


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
            if is_same(mine[column], other["values"][column]):
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


def is_same(mine: object, other: object) -> bool:
    """Return whether two values are the same, but for the last digits of shares that were computed in another order."""
    if isinstance(mine, float) and isinstance(other, (int, float)):
        return math.isclose(mine, other, rel_tol=1e-12, abs_tol=1e-12)
    return mine == other


def hide_scripts() -> None:
    """Take this folder off the module path: some scripts in it are named like the packages of their tools."""
    here = Path(__file__).resolve().parent
    sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != here]


def keeps(value: object, comparison: str, threshold: float) -> bool:
    """Return whether a threshold keeps a value; null is always kept."""
    if value is None:
        return True
    number = float(value)  # type: ignore[arg-type]
    return {"<=": number <= threshold, ">=": number >= threshold, "==": number == threshold}[comparison]


def answer(measure: Measure) -> None:
    """Run as the tool: answer every request on stdin."""
    for line in sys.stdin:
        request = json.loads(line)
        values, keep = measure(request["use"], request["text"], request.get("config", {}))
        print(json.dumps({"values": values, "keep": keep}), flush=True)


def compare_decisions(use: str, ours: Sequence[Values], theirs: Sequence[Mapping[str, Values]]) -> bool:
    """Print how often decisions agree, for a tool that says nothing else; return whether all do."""
    from gristmill.recipe import BUILTIN_STEPS

    limits = BUILTIN_STEPS[use].model_validate({"use": use, "name": use}).thresholds()
    same = dropped = 0
    for mine, other in zip(ours, theirs, strict=True):
        keep = all(keeps(mine[limit.column], limit.keep, limit.threshold) for limit in limits)
        same += keep == all(other["keep"].values())
        dropped += not keep
    print(f"{use}: decisions {same} of {len(ours)}; {dropped} dropped")
    return same == len(ours)


def write_cases(
    *,
    script: str,
    python: Path,
    tool: str,
    how: str,
    use: str,
    cases: Sequence[Mapping[str, object]],
    semantics: str | None,
    is_shared: bool,
) -> None:
    """Write `tests/parity/cases/<use>.json`, or `<use>.<semantics>.json` where other tools have cases, too."""
    found = ask(script, python, [{"use": use, **case} for case in cases])
    rows = []
    for case, answered in zip(cases, found, strict=True):
        expected = {column: value for column, value in answered["values"].items() if value is not None}
        if not answered["values"]:
            expected = {"keep": all(answered["keep"].values())}
        rows.append({**case, **({} if semantics is None else {"semantics": semantics}), "expect": expected})
    rows = [row for row in rows if row["expect"]]
    name = f"{use}.{semantics}" if is_shared else use
    path = REPOSITORY / "tests/parity/cases" / f"{name}.json"
    lines = ",\n".join("  " + json.dumps(row) for row in rows)
    head = f'{{"tool": {json.dumps(tool)}, "how": {json.dumps(how)}, "cases": ['
    path.write_text(f"{head}\n{lines}\n]}}\n", encoding="utf-8")
    print(f"{len(rows)} cases in {path}")


def run(
    *,
    script: str,
    tool: str,
    how: str,
    as_tool: Callable[[], Measure],
    uses: Mapping[str, str | None],
    cases: Callable[[str], Sequence[Mapping[str, object]]],
    num_documents: int = 4000,
    is_asked: Callable[[str, str], bool] = lambda _use, _text: True,
) -> int:
    """Run a script's command line.

    Parameters
    ----------
    uses
        Steps, each with the semantics that it is asked for.
    cases
        The cases of a step.
    is_asked
        Whether the tool can be asked for a text of the corpus, or would take hours.
    """
    parser = argparse.ArgumentParser(description=f"Compare {', '.join(uses)} with {tool}.")
    parser.add_argument("--as-tool", action="store_true", help="answer requests, in the tool's Python")
    parser.add_argument("--python", type=Path, help="the tool's Python")
    parser.add_argument("--corpus", type=Path, help="folder with documents-*.jsonl.zst")
    parser.add_argument("--documents", type=int, default=num_documents)
    parser.add_argument("--use", help="one step only")
    parser.add_argument("--write-cases", action="store_true")
    arguments = parser.parse_args()
    if arguments.as_tool:
        answer(as_tool())
        return 0
    agree = True
    for use, semantics in uses.items():
        if arguments.use not in (None, use):
            continue
        if arguments.corpus is not None:
            texts = list(corpus_texts(arguments.corpus, arguments.documents))
            texts = [text for text in texts if is_asked(use, text)]
            config = {} if semantics is None else {"semantics": semantics}
            ours = measure(use, [{"text": text, "config": config} for text in texts])
            theirs = ask(script, arguments.python, [{"use": use, "text": text} for text in texts])
            decided_only = not theirs[0]["values"]
            agree &= (compare_decisions if decided_only else compare)(use, ours, theirs)
        if arguments.write_cases:
            write_cases(
                script=script,
                python=arguments.python,
                tool=tool,
                how=how,
                use=use,
                cases=cases(use),
                semantics=semantics,
                is_shared=use.startswith("gopher_"),
            )
    return 0 if agree else 1
