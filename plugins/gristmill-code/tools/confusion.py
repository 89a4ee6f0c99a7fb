# a script that prints
"""Prints how `code.language` does on files whose names say what they are: a table of truth against answer.

    python tools/confusion.py FILE.parquet|FILE.jsonl[.zst] ... [--kind code] [--none html,text,man]

Files need columns `text`, `url` and `kind`. Truth is the ending of the URL (`.gz` taken off). Documents of the kinds
named by `--none` are prose: there the right answer is none.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl

from gristmill_code.language import detect

ENDINGS = {
    "rs": "rust",
    "php": "php",
    "go": "go",
    "py": "python",
    "js": "javascript",
    "ts": "typescript",
    "el": "emacs-lisp",
    "yml": "yaml",
    "yaml": "yaml",
    "sh": "shell",
    "c": "c",
    "h": "c",
    "cpp": "cpp",
    "cc": "cpp",
    "hpp": "cpp",
    "java": "java",
    "sql": "sql",
    "toml": "toml",
    "vala": "vala",
    "pl": "perl",
    "pm": "perl",
    "lua": "lua",
    "rb": "ruby",
    "json": "json",
    "css": "css",
}


def read(paths: list[str], kinds: list[str]) -> pl.DataFrame:
    """Return `text`, `url`, `kind` of the documents of these kinds, equal texts once."""
    parts = []
    for path in paths:
        table = pl.read_parquet(path) if Path(path).suffix == ".parquet" else pl.read_ndjson(path)
        parts.append(table.filter(pl.col("kind").is_in(kinds)).select("text", "url", "kind"))
    return pl.concat(parts).unique("text", maintain_order=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="confusion of code.language")
    parser.add_argument("files", nargs="+")
    parser.add_argument("--kind", default="code")
    parser.add_argument("--none", default="", help="kinds of prose, comma between")
    parser.add_argument("--show", action="store_true", help="print the URLs that are told wrong")
    arguments = parser.parse_args()
    code = read(arguments.files, [arguments.kind]).with_columns(
        truth=pl.col("url")
        .str.strip_suffix(".gz")
        .str.extract(r"\.([A-Za-z0-9]+)$")
        .replace_strict(ENDINGS, default=None)
    )
    code = code.filter(pl.col("truth").is_not_null())
    code = code.with_columns(said=detect(code["text"])["language"].fill_null("none"))
    right = (code["truth"] == code["said"]).sum()
    print(f"{len(code)} documents, {right} right ({right / len(code):.1%})\n")
    print(f"{'truth':12} {'files':>6} {'right':>6} {'recall':>7} {'precision':>9}  said instead")
    for truth, files in code["truth"].value_counts(sort=True).iter_rows():
        rows = code.filter(pl.col("truth") == truth)
        good = (rows["said"] == truth).sum()
        said = (code["said"] == truth).sum()
        others = rows.filter(pl.col("said") != truth)["said"].value_counts(sort=True).rows()
        shown = ", ".join(f"{name} {count}" for name, count in others)
        precision = f"{good / said:9.1%}" if said else f"{'-':>9}"
        print(f"{truth:12} {files:6} {good:6} {good / files:7.1%} {precision}  {shown}")
    if arguments.show:
        for row in code.filter(pl.col("truth") != pl.col("said")).iter_rows(named=True):
            print(row["truth"], row["said"], len(row["text"]), row["url"])
    for kind in filter(None, arguments.none.split(",")):
        prose = read(arguments.files, [kind])
        if not len(prose):
            continue
        said = detect(prose["text"])["language"].drop_nulls()
        named = ", ".join(f"{name} {count}" for name, count in said.value_counts(sort=True).head(8).rows())
        print(
            f"\n{kind}: {len(prose)} documents, {len(said)} ({len(said) / len(prose):.1%}) called code: {named}"
        )


if __name__ == "__main__":
    main()
