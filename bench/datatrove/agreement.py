"""On how many documents gristmill's rules and datatrove's decide alike, under datatrove's definitions and our own.

python bench/datatrove/agreement.py --corpus DATA/corpus --rival-python RIVAL/bin/python --cache FILE

The documents are those of `english.py` (every twentieth English one), and with `--prose` the English books, texts and
quotations besides; `--every` and `--max-documents` change how many. datatrove needs about 8 s for a megabyte; its
answers stay in the file that `--cache` names, and are asked for once. Prints agreement for each rule, and every
document on which the two differ under `semantics = "datatrove"`, with both reasons and the values that differ.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import math
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import zstandard

import gristmill

# Name in datatrove's answers, `use`, and the keys that differ from the defaults.
RULES: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("gopher_repetition", "gopher_repetition", {}),
    ("gopher_quality", "gopher_quality", {}),
    ("c4_quality", "c4_quality", {}),
    ("c4_quality_any_end", "c4_quality", {"require_terminal_punctuation": False}),
    ("fineweb_quality", "fineweb_quality", {}),
)
PROSE = ("book", "text", "quote")
BATCH_DOCUMENTS = 500


def rank(document_id: str) -> int:
    """Return the hash by which documents are chosen; `english.py` takes those for which 20 divides it."""
    return int.from_bytes(hashlib.sha256(document_id.encode()).digest()[:8], "big")


def english(corpus: Path, *, every: int, prose: bool) -> Iterator[dict[str, str]]:
    """Yield `id`, `kind` and `text` of the chosen documents, in file order."""
    for path in [*sorted(corpus.glob("documents-*.jsonl.zst")), corpus / "short-texts.jsonl.gz"]:
        is_short = path.suffix == ".gz"
        if is_short and not prose:
            continue
        with path.open("rb") as file:
            raw = (
                gzip.GzipFile(fileobj=file) if is_short else zstandard.ZstdDecompressor().stream_reader(file)
            )
            for line in io.TextIOWrapper(raw, encoding="utf-8", newline="\n"):
                row = json.loads(line)
                if row.get("lang") != "en":
                    continue
                is_prose = prose and row.get("kind") in PROSE and (not is_short or rank(row["id"]) % 10 == 0)
                if is_prose or (not is_short and rank(row["id"]) % every == 0):
                    yield {"id": row["id"], "kind": row.get("kind", ""), "text": row["text"]}


def rival_answers(python: str, documents: list[dict[str, str]], cache: Path) -> dict[str, dict[str, dict]]:
    """Return datatrove's answers by document and rule; those that the cache lacks are asked for."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as requests:
        for document in documents:
            requests.write(json.dumps(document) + "\n")
        requests.flush()
        script = Path(__file__).parent / "rival_decisions.py"
        subprocess.run([python, str(script), requests.name, str(cache)], check=True)
    wanted = {document["id"] for document in documents}
    answers = (json.loads(line) for line in cache.read_text(encoding="utf-8").split("\n")[:-1])
    return {answer["id"]: answer["rules"] for answer in answers if answer["id"] in wanted}


def differing_values(ours: dict[str, object], theirs: dict[str, object]) -> dict[str, tuple[object, object]]:
    """Return the columns whose values differ by more than the rounding of a mean."""

    def is_equal(left: object, right: object) -> bool:
        if isinstance(left, float) and isinstance(right, (int, float)):
            return math.isclose(left, right, rel_tol=1e-12)
        return left == right

    shared = [name for name in theirs if name in ours]
    return {name: (ours[name], theirs[name]) for name in shared if not is_equal(ours[name], theirs[name])}


def compare(
    documents: list[dict[str, str]], answers: dict[str, dict[str, dict]], semantics: str, *, list_all: bool
) -> dict[str, dict[str, object]]:
    """Print and return, for each rule, how many decisions and how many whole rows of values are equal."""
    figures: dict[str, dict[str, object]] = {}
    for name, use, options in RULES:
        rule = (
            {"use": use, **options}
            if semantics == "gristmill"
            else {"use": use, "semantics": semantics, **options}
        )
        equal, same_values, kept, rival_kept = 0, 0, 0, 0
        for start in range(0, len(documents), BATCH_DOCUMENTS):
            batch = documents[start : start + BATCH_DOCUMENTS]
            table = pa.table({key: [document[key] for document in batch] for key in ("id", "text")})
            for row in gristmill.signals(table, [rule]).to_pylist():
                theirs = answers[row["id"]][name]
                keeps = theirs["decision"] is True
                ours = {key.removeprefix(f"{use}."): value for key, value in row.items()}
                different = differing_values(ours, theirs["values"])
                kept += ours["keep"]
                rival_kept += keeps
                equal += ours["keep"] == keeps
                same_values += not different
                if list_all and (ours["keep"] != keeps or different):
                    label = "decision" if ours["keep"] != keeps else "values"
                    print(f"  {label} {row['id']}: {ours['reason']} and {theirs['decision']}; {different}")
        share = equal / len(documents)
        print(
            f"{semantics:10} {name:20} {equal} of {len(documents)} alike ({share:.2%}), all values {same_values}"
        )
        figures[name] = {
            "documents": len(documents),
            "equal": equal,
            "share": round(share, 5),
            "all_values_equal": same_values,
            "kept_by_gristmill": kept,
            "kept_by_datatrove": rival_kept,
        }
    return figures


def main() -> None:
    """Choose, ask, compare, print, and write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--rival-python", required=True)
    parser.add_argument("--cache", type=Path, required=True, help="file for datatrove's answers")
    parser.add_argument("--every", type=int, default=20, help="1 takes every English document")
    parser.add_argument(
        "--prose", action="store_true", help="all English books, texts and quotations besides"
    )
    parser.add_argument("--max-documents", type=int)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent.parent / "results" / "agreement")
    arguments = parser.parse_args()
    documents = list(english(arguments.corpus, every=arguments.every, prose=arguments.prose))
    documents = documents[: arguments.max_documents]
    answers = rival_answers(arguments.rival_python, documents, arguments.cache)
    text_bytes = sum(len(document["text"].encode()) for document in documents)
    figures = {
        "documents": len(documents),
        "text_bytes": text_bytes,
        "every": arguments.every,
        "prose": arguments.prose,
        "datatrove": compare(documents, answers, "datatrove", list_all=True),
        "gristmill": compare(documents, answers, "gristmill", list_all=False),
    }
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
