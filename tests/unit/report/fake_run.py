"""Makes a small run folder with every kind of file a report reads, hostile documents included. Fixed seed."""

from __future__ import annotations

import hashlib
import json
import math
import random
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HOSTILE = (
    "</script><script>window.owned = 1</script>",
    "<!-- <script> --><img src=x onerror=window.owned=1>",
    "<svg/onload=window.owned=1><a href=javascript:window.owned=1>x</a>",
    "\u202eevil.exe\u202c and \x1b[31mred\x1b[0m and \x00NUL \u2028line\u2029paragraph \ufeff",
    "&lt;b&gt; &amp; ]]> {{7*7}} ${7*7} <style>*{display:none}</style>",
    '"><iframe srcdoc="<script>window.owned=1</script>"></iframe><base href="//h.example/">',
    "<textarea></title></head></body></html><meta http-equiv=refresh content=0;url=//h.example>",
    "| a | b |\n```\n[x](javascript:alert(1)) <b>*bold*</b>",
)
HOSTILE_NAME = '<img src=x onerror="window.owned=1">'

_KEY = pa.binary(16)
_REJECTS = pa.schema(
    [
        ("doc", pa.uint64()),
        ("key", _KEY),
        ("id", pa.string()),
        ("source", pa.string()),
        ("kind", pa.string()),
        ("step", pa.string()),
        ("rule", pa.string()),
        ("reason", pa.string()),
        ("value", pa.float64()),
        ("threshold", pa.float64()),
        ("duplicate_of", _KEY),
        ("similarity", pa.float32()),
        ("shared_bands", pa.uint16()),
        ("detail", pa.string()),
        ("excerpt", pa.string()),
    ]
)
_DOCUMENTS = pa.schema(
    [
        ("doc", pa.uint64()),
        ("key", _KEY),
        ("id", pa.string()),
        ("source", pa.string()),
        ("split", pa.string()),
        ("text", pa.large_string()),
        ("metadata", pa.string()),
        ("cluster", _KEY),
        ("num_tokens", pa.uint32()),
    ]
)
_EDITS = pa.schema(
    [
        ("doc", pa.uint64()),
        ("key", _KEY),
        ("step", pa.string()),
        ("part", pa.string()),
        ("sequence", pa.uint32()),
        ("start", pa.uint32()),
        ("end", pa.uint32()),
        ("before", pa.string()),
        ("after", pa.string()),
    ]
)
_SIGNALS = pa.schema(
    [
        ("doc", pa.uint64()),
        ("key", _KEY),
        ("id", pa.string()),
        ("source", pa.string()),
        ("raw_bytes", pa.uint32()),
        ("text_bytes", pa.uint32()),
        ("lang", pa.string()),
        ("gopher_quality.num_words", pa.uint32()),
        ("gopher_quality.mean_word_length", pa.float64()),
        ("c4_quality.has_lorem_ipsum", pa.bool_()),
    ]
)
THRESHOLDS = [
    {
        "step": "gopher_quality",
        "rule": "num_words",
        "column": "gopher_quality.num_words",
        "keep": ">=",
        "threshold": 50.0,
        "where": [{"column": "lang", "any_of": ["en"]}],
    },
    {
        "step": "gopher_quality",
        "rule": "mean_word_length",
        "column": "gopher_quality.mean_word_length",
        "keep": "<=",
        "threshold": 6.0,
        "where": [],
    },
    {
        "step": "c4_quality",
        "rule": "has_lorem_ipsum",
        "column": "c4_quality.has_lorem_ipsum",
        "keep": "==",
        "threshold": 0.0,
        "where": [],
    },
]
_RECIPE = """# A recipe with a comment </script><script>window.owned = 1</script>
[run]
output = "runs/fake"
max_quarantine_fraction = 0.01

[[source]]
name = "web"
paths = ["web.jsonl"]

[[source]]
name = "books"
paths = ["books.parquet"]

[[step]]
use = "clean"
[[step]]
use = "gopher_quality"
[[step]]
use = "c4_quality"
[[step]]
use = "exact_dedup"
[[step]]
use = "minhash_dedup"
"""
_WORDS = [
    "the",
    "mill",
    "grinds",
    "grain",
    "and",
    "meal",
    "to",
    "flour",
    "while",
    "water",
    "of",
    "the",
    "river",
]
_WORDS += ["turns", "a", "wheel", "with", "stones", "that", "wear"]
_LANGUAGES = ("en", "en", "en", "de", "fr", "ja", "ru", None)


@dataclass
class _Rows:
    rejects: list[dict[str, object]] = field(default_factory=list)
    documents: list[dict[str, object]] = field(default_factory=list)
    edits: list[dict[str, object]] = field(default_factory=list)
    signals: list[dict[str, object]] = field(default_factory=list)


def key_of(number: int) -> bytes:
    """Return the made-up 128-bit key of document `number`."""
    return hashlib.blake2b(number.to_bytes(8, "big"), digest_size=16).digest()


def write_fake_run(
    folder: Path, *, num_documents: int = 400, hostile_source: bool = True, train: bool = True
) -> Path:
    """Write a run of `num_documents` documents to `folder` and return it. The counts follow from the rows."""
    folder.mkdir(parents=True)
    sources = ["web", "books", HOSTILE_NAME] if hostile_source else ["web", "books", "letters"]
    chance = random.Random(7)
    rows = _Rows()
    texts: dict[int, str] = {}
    for number in range(num_documents):
        _add_document(rows, number, sources[number % len(sources)], texts, chance)
    for name, schema in (
        ("rejects", _REJECTS),
        ("documents", _DOCUMENTS),
        ("edits", _EDITS),
        ("signals", _SIGNALS),
    ):
        _write_parts(folder / name, getattr(rows, name), schema, cut=num_documents // 2)
    (folder / "recipe.toml").write_text(_RECIPE, encoding="utf-8")
    (folder / "plan.json").write_text(
        json.dumps({"stages": [{"decide": {"thresholds": THRESHOLDS}}]}), encoding="utf-8"
    )
    manifest = _manifest(folder, rows, sources, num_documents)
    (folder / "manifest.json").write_text(
        json.dumps(manifest, sort_keys=True, separators=(",", ":")), encoding="utf-8"
    )
    if train:
        _write_metrics(folder / "train", chance)
    return folder


def _add_document(
    rows: _Rows, number: int, source: str, texts: dict[int, str], chance: random.Random
) -> None:
    key, name = key_of(number), f"doc-{number}"
    common: dict[str, object] = {"doc": (number % 3) << 40 | number, "key": key, "id": name, "source": source}
    if number % 97 == 5:
        rows.rejects.append(
            {
                **common,
                "kind": "quarantined",
                "step": "read",
                "rule": "invalid_utf8",
                "reason": "invalid_utf8",
            }
            | {"detail": f"byte 0xff at offset {number}: {HOSTILE[0]}", "excerpt": HOSTILE[3]}
        )
        return
    num_words = int(math.exp(chance.uniform(2.0, 7.5)))
    text = " ".join(chance.choice(_WORDS) for _ in range(num_words)) + "."
    if number % 5 == 0:
        text = f"{HOSTILE[number // 5 % len(HOSTILE)]} {text}"
    if number % 11 == 3 and number > 3:
        text = texts[3].replace("grain", f"grain{number}", 2)
        num_words = len(text.split())
    texts[number] = text
    language = _LANGUAGES[number * 7 % len(_LANGUAGES)] if number % 50 else HOSTILE_NAME
    length = chance.gauss(5.0, 0.6)
    lorem = number % 83 == 1
    rows.signals.append(
        {**common, "raw_bytes": len(text.encode()) + 2, "text_bytes": len(text.encode()), "lang": language}
        | {"gopher_quality.num_words": num_words, "gopher_quality.mean_word_length": length}
        | {"c4_quality.has_lorem_ipsum": lorem}
    )
    dropped: dict[str, object] = {**common, "kind": "dropped", "excerpt": text[:600]}
    if num_words < 50 and language == "en":
        rows.rejects.append(
            dropped | _reason("gopher_quality", "num_words") | {"value": float(num_words), "threshold": 50.0}
        )
    elif length > 6.0:
        rows.rejects.append(
            dropped | _reason("gopher_quality", "mean_word_length") | {"value": length, "threshold": 6.0}
        )
    elif lorem:
        rows.rejects.append(
            dropped | _reason("c4_quality", "has_lorem_ipsum") | {"value": 1.0, "threshold": 0.0}
        )
    elif number % 11 == 3 and number > 3:
        step = "exact_dedup" if number % 2 else "minhash_dedup"
        similarity = None if step == "exact_dedup" else 0.8 + number % 17 / 100
        bands = None if step == "exact_dedup" else number % 14 + 1
        rows.rejects.append(
            dropped
            | _reason(step, "duplicate")
            | {"duplicate_of": key_of(3), "similarity": similarity, "shared_bands": bands}
        )
    else:
        rows.documents.append(
            {
                **common,
                "split": "validation" if number % 20 == 0 else "train",
                "text": text,
                "num_tokens": len(text) // 4,
            }
            | {"cluster": key_of(3) if number == 3 else None, "metadata": json.dumps({"lang": language})}
        )
        if number % 4 == 0:
            edit = {"doc": common["doc"], "key": key, "step": "clean", "sequence": 0, "start": 10, "end": 18}
            rows.edits.append(
                {**edit, "part": "mojibake", "before": "don\u00e2\u20ac\u2122t", "after": "don\u2019t"}
            )
            rows.edits.append(
                {
                    **edit,
                    "part": "controls",
                    "sequence": 1,
                    "before": HOSTILE[number // 4 % len(HOSTILE)],
                    "after": "",
                }
            )


def _reason(step: str, rule: str) -> dict[str, object]:
    return {"step": step, "rule": rule, "reason": f"{step}.{rule}"}


def _write_parts(folder: Path, rows: list[dict[str, object]], schema: pa.Schema, *, cut: int) -> None:
    """Write two files, split by document number within a file ordinal as partitions are."""
    folder.mkdir()
    low = 2**40 - 1
    parts = (
        [row for row in rows if int(str(row["doc"])) & low < cut],
        [row for row in rows if int(str(row["doc"])) & low >= cut],
    )
    for number, part in enumerate(parts):
        table = pa.Table.from_pylist(
            [{name: row.get(name) for name in schema.names} for row in part], schema=schema
        )
        pq.write_table(table, folder / f"part-{number:05}.parquet", compression="zstd", row_group_size=64)


def _manifest(folder: Path, rows: _Rows, sources: list[str], num_documents: int) -> dict[str, object]:
    by_source: dict[str, object] = {}
    for source in sources:
        rejects = [row for row in rows.rejects if row["source"] == source]
        dropped: dict[str, int] = {}
        for row in rejects:
            if row["kind"] == "dropped":
                dropped[str(row["reason"])] = dropped.get(str(row["reason"]), 0) + 1
        kept = sum(row["source"] == source for row in rows.documents)
        quarantined = sum(row["kind"] == "quarantined" for row in rejects)
        by_source[source] = {
            "documents_in": kept + len(rejects),
            "kept": kept,
            "quarantined": quarantined,
            "dropped": dropped,
        }
    quarantined = sum(row["kind"] == "quarantined" for row in rows.rejects)
    tokens: dict[str, dict[str, int]] = {}
    for split in ("train", "validation"):
        counts = [int(str(row["num_tokens"])) for row in rows.documents if row["split"] == split]
        tokens[split] = {"documents": len(counts), "tokens": sum(counts)}
    files = [
        {
            "path": path.relative_to(folder).as_posix(),
            "bytes": path.stat().st_size,
            "rows": pq.read_metadata(path).num_rows,
        }
        | {"digest": "blake3:" + hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in sorted(folder.glob("*/part-*.parquet"))
    ]
    return {
        "schema_version": 1,
        "plan": hashlib.sha256(b"plan").hexdigest(),
        "lineage": {"curation": hashlib.sha256(b"lineage").hexdigest()},
        "inputs": [
            {
                "source": source,
                "path": f"{source}.jsonl",
                "bytes": 1_234_567,
                "digest": "blake3:" + "0" * 64,
                "documents": 9,
            }
            for source in sources
        ],
        "counts": {
            "documents_in": num_documents,
            "kept": len(rows.documents),
            "dropped": len(rows.rejects) - quarantined,
            "quarantined": quarantined,
            "by_source": by_source,
            "tokens": tokens,
        },
        "choices": [_choice(sources)],
        "files": files,
        "operators": [
            {"name": name, "version": "1.0.0", "distribution": "gristmill 0.1.0"}
            for name in ("clean", "gopher_quality", "c4_quality", "exact_dedup", "minhash_dedup")
        ],
        "tokenizer": {"digest": "blake3:" + "1" * 64, "mode": "plain", "vocabulary_size": 49_152},
        "split": {
            "names": ["train", "validation"],
            "by_cluster": True,
            "columns": ["<b>customer</b>"],
            "parent": None,
            "documents": {name: counted["documents"] for name, counted in tokens.items()},
            "left_out": {"straddles": 2},
            "groups": {"groups": 3, "grouped": 7, "largest": 3, "shared_keys": 1, "verified": False},
            "proof": {
                "measure": "Jaccard similarity of runs of 5 words",
                "min_similarity": 0.8,
                "held_out": 5000,
                "indexed": 3000,
                "checked": 9000,
                "pairs_found": 2,
                "pairs": 0,
                "share_at_most": 0.001,
                "assignment": "0" * 32,
            },
        },
    }


def _choice(sources: list[str]) -> dict[str, object]:
    """Return what a mixture that left nothing out says: rows of the tables above know of no choice."""
    strata = [
        {
            "name": source,
            "documents": 9,
            "amount": 900,
            "kept": 9,
            "kept_amount": 900,
            "target": 1800,
            "repeat": 2.0,
        }
        for source in sources
    ]
    numbers = {
        "documents": 27,
        "amount": 2700,
        "kept": 27,
        "kept_amount": 2700,
        "beyond": 0,
        "nothing_new": 0,
    }
    rules = ["over_share", "nothing_new"]
    named = {"step": "mix", "use": "mix", "by": "source", "unit": "bytes", "rules": rules, "cut_off": None}
    return {**named, **numbers, "strata": strata}


def _write_metrics(folder: Path, chance: random.Random) -> None:
    folder.mkdir()
    lines = [{"step": 0, "validation_loss": 3.41, "tokens": 0}]
    for step in range(1, 41):
        record: dict[str, float] = {
            "step": step,
            "loss": 3.3 - 0.5 * (1 - math.exp(-step / 12)) + chance.gauss(0, 0.05),
        }
        record |= {
            "tokens": step * 1024,
            "learning_rate": 1e-3 * min(1.0, step / 5) * (1 + math.cos(math.pi * step / 40)) / 2,
        }
        if step in (20, 40):
            record["validation_loss"] = 3.41 - 0.4 * step / 40
        lines.append(record)
    (folder / "metrics.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8"
    )
