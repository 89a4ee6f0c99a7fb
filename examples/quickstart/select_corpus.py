"""Selects the quickstart corpus from a large folder of Debian documentation and writes it beside this script.

Not needed to run the example: the selected files are part of the repository. It is here so that anyone can
see how they were picked, and pick them again: the same input folder gives the same files, byte for byte.

    python examples/quickstart/select_corpus.py FOLDER

FOLDER holds `documents-*.jsonl.zst`, `code-and-licences.parquet`, `short-texts.jsonl.gz` and `packages.tsv`
with one record a document: `id`, `text`, `source` (a Debian 12 package), `url`, `lang`, `kind`. Nothing is
cleaned: navigation, boilerplate and natural duplicates stay in. Documents that name a package registry's host
are left out.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

FORBIDDEN = re.compile(
    r"pypi\.org|pypi\.python|pythonhosted|crates\.io|docs\.rs|npmjs|rubygems\.org|proxy\.golang|debian\.org/debian"
    r"|(?:deb|ftp|security|packages|snapshot)\.debian\.org|registry\.|cpan\.org|ctan\.org|maven\.org|nuget\.org|docker\.io",
    re.IGNORECASE,
)


class Document(TypedDict):
    """One record of the large corpus."""

    id: str
    text: str
    source: str
    url: str
    lang: str | None
    kind: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Pick:
    """How much to take of a package: documents by a hash of their id, up to `budget_bytes` of text."""

    file: str
    """The corpus file it goes to, without suffixes."""
    package: re.Pattern[str]
    kinds: frozenset[str]
    budget_bytes: int
    language: str | None = None
    """Only documents with this tag; None takes all."""
    document_bytes: int = 24_000
    """Longer documents are passed over."""


def pick(
    file: str, package: str, kinds: str, budget_kb: int, language: str | None = None, longest_kb: int = 24
) -> Pick:
    """Return a `Pick` from short arguments, so that the table below reads as a table."""
    return Pick(
        file=file,
        package=re.compile(package),
        kinds=frozenset(kinds.split()),
        budget_bytes=budget_kb * 1000,
        language=language,
        document_bytes=longest_kb * 1000,
    )


PICKS = (
    pick("manuals", "postgresql-doc-15", "html man", 260, "en"),
    pick("manuals", r"python3\.11-doc", "html text", 170, "en"),
    pick("manuals", "sqlite3-doc", "html", 110, "en"),
    pick("manuals", "apache2-doc", "html", 70, "fr"),
    pick("manuals", "apache2-doc", "html", 50, "de"),
    pick("manuals", "apache2-doc", "html", 50, "ja"),
    pick("manuals", "apache2-doc", "html", 45, "es"),
    pick("help", "libreoffice-help-en-us", "html", 140, "en"),
    pick("help", "libreoffice-help-de", "html", 80, "de"),
    pick("help", "libreoffice-help-fr", "html", 80, "fr"),
    pick("help", "libreoffice-help-ja", "html", 70, "ja"),
    pick("help", "libreoffice-help-ru", "html", 80, "ru"),
    pick("help", "libreoffice-help-es", "html", 60, "es"),
    pick("help", "libreoffice-help-zh-cn", "html", 40, "zh"),
    pick("help", "libreoffice-help-hi", "html", 30, "hi"),
    # The licences of everything above, then of small libraries: the same few texts again and again, with
    # other names in them.
    pick("licences", r"(postgresql-doc-15|apache2-doc|sqlite3-doc|bible-kjv-text|dict-devil)", "licence", 60),
    pick("licences", r"libreoffice-help-(en-us|de|fr|ja|ru|es|zh-cn|hi)", "licence", 110),
    pick("licences", r"python3\.11-doc", "licence", 60, longest_kb=60),
    pick("licences", "base-files", "licence", 75, longest_kb=17),
    pick("licences", "librust-.*-dev", "licence", 150, longest_kb=4),
    pick("licences", "librust-.*-dev", "licence", 90, longest_kb=12),
    pick("books", "bible-kjv-text", "book", 170, "en"),
    pick("books", "dict-devil", "dictionary", 70, "en"),
)


def read_documents(folder: Path) -> Iterator[Document]:
    """Yield every document of the large corpus, file after file; memory is one record."""
    for path in sorted(folder.glob("documents-*.jsonl.zst")):
        with path.open("rb") as raw:
            stream = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
            yield from map(json.loads, io.TextIOWrapper(stream, encoding="utf-8"))
    with gzip.open(folder / "short-texts.jsonl.gz", "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)
    for batch in pq.ParquetFile(folder / "code-and-licences.parquet").iter_batches():
        yield from batch.to_pylist()


def order(document: Document) -> bytes:
    """Return the sort key: a hash of id and address, so that file order does not matter."""
    return hashlib.blake2b(f"{document['id']} {document['url']}".encode(), digest_size=16).digest()


def matches(rule: Pick, document: Document) -> bool:
    """Return whether `rule` may take `document`."""
    return (
        rule.package.fullmatch(document["source"]) is not None
        and document["kind"] in rule.kinds
        and rule.language in (None, document.get("lang"))
        and len(document["text"].encode()) <= rule.document_bytes
    )


def select(documents: Iterable[Document]) -> dict[str, list[Document]]:
    """Return the chosen documents by corpus file, each file in hash order."""
    candidates: dict[int, list[Document]] = defaultdict(list)
    for document in documents:
        if FORBIDDEN.search(document["text"]) or FORBIDDEN.search(document["url"]):
            continue
        for number, rule in enumerate(PICKS):
            if matches(rule, document):
                candidates[number].append(document)
                break
    chosen: dict[str, list[Document]] = defaultdict(list)
    for number, rule in enumerate(PICKS):
        room = rule.budget_bytes
        for document in sorted(candidates[number], key=order):
            size = len(document["text"].encode())
            if size <= room:
                room -= size
                chosen[rule.file].append(document)
    return {name: sorted(members, key=order) for name, members in chosen.items()}


def json_lines(documents: Iterable[Document]) -> bytes:
    """Return the records as JSON lines in UTF-8, a missing language left out."""
    kept = ({key: value for key, value in document.items() if value is not None} for document in documents)
    return "".join(json.dumps(document, ensure_ascii=False) + "\n" for document in kept).encode()


def write_corpus(chosen: dict[str, list[Document]], folder: Path) -> None:
    """Write the four files: two-frame Zstandard, two-member gzip and Parquet, to have each format read."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("manuals", "books"):
        half = len(chosen[name]) // 2
        parts = (chosen[name][:half], chosen[name][half:])
        compress = zstandard.ZstdCompressor(level=19).compress
        (folder / f"{name}.jsonl.zst").write_bytes(b"".join(compress(json_lines(part)) for part in parts))
    half = len(chosen["licences"]) // 2
    parts = (chosen["licences"][:half], chosen["licences"][half:])
    (folder / "licences.jsonl.gz").write_bytes(
        b"".join(gzip.compress(json_lines(part), compresslevel=9, mtime=0) for part in parts)
    )
    columns = ("id", "text", "source", "url", "lang", "kind")
    table = pa.table(
        {name: pa.array([row.get(name) for row in chosen["help"]], pa.string()) for name in columns}
    )
    pq.write_table(
        table, folder / "help.parquet", compression="zstd", compression_level=19, row_group_size=200
    )


def stated_licence(text: str) -> tuple[str, str]:
    """Return licence and copyright holders that a machine-readable copyright file gives for `Files: *`."""
    stanza = next(
        (part for part in re.split(r"\n\s*\n", text) if re.search(r"^Files:\s*\*", part, re.MULTILINE)), ""
    )
    licence = re.search(r"^License:[ \t]*(.+)$", stanza, re.MULTILINE)
    holders = re.search(r"^Copyright:[ \t]*((?:.*\n(?=[ \t]))*.*)", stanza, re.MULTILINE)
    names = [line.strip() for line in holders[1].splitlines() if line.strip()] if holders else []
    without_addresses = [re.sub(r"\s*<[^>]*>", "", name) for name in names]
    return (licence[1].strip() if licence else "", "; ".join(without_addresses))


def licence_table(
    chosen: dict[str, list[Document]], copyright_files: dict[str, str], versions: dict[str, str]
) -> str:
    """Return the Markdown table of packages: version, what was taken, stated licence and holders."""
    taken: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for members in chosen.values():
        for document in members:
            taken[document["source"]][document["kind"]] += 1
    rows = [
        "| package | version | taken | licence stated for `Files: *` | copyright holders |",
        "|---|---|---|---|---|",
    ]
    for package, kinds in sorted(taken.items()):
        what = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        licence, holders = stated_licence(copyright_files.get(package, ""))
        cells = (package, versions.get(package, ""), what, licence or "see notes", holders or "see notes")
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def main() -> None:
    """Select, write the corpus and replace the table at the end of LICENCES.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder of the large corpus")
    folder: Path = parser.parse_args().folder
    here = Path(__file__).parent
    chosen = select(read_documents(folder))
    write_corpus(chosen, here / "corpus")
    copyright_files = {
        document["source"]: document["text"]
        for document in read_documents(folder)
        if document["kind"] == "licence" and document["url"].endswith("/copyright")
    }
    lines = (folder / "packages.tsv").read_text(encoding="utf-8").splitlines()
    versions = {cells[0]: cells[1] for cells in (line.split("\t") for line in lines) if len(cells) > 1}
    page = here / "LICENCES.md"
    prose = page.read_text(encoding="utf-8").partition("## Packages\n")[0] if page.exists() else ""
    page.write_text(
        f"{prose}## Packages\n\n{licence_table(chosen, copyright_files, versions)}", encoding="utf-8"
    )
    for name, members in chosen.items():
        text_bytes = sum(len(document["text"].encode()) for document in members)
        print(f"{name}: {len(members)} documents, {text_bytes:,} bytes of text")


if __name__ == "__main__":
    main()
