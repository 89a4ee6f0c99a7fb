# ruff: noqa: E501  # lines that are printed
"""Prints how `legal.jurisdiction` and `legal.redact` agree with CUAD's labels on whole contracts.

    python tools/contracts.py master_clauses.csv full_contract_txt

Reads CUAD v1 (The Atticus Project, CC BY 4.0): the table of answers, and the folder of contracts as text. Contracts are split
by a hash of their names into those that the patterns were made with and those that they were not.
"""

from __future__ import annotations

import ast
import csv
import hashlib
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from gristmill.plugins.testing import run
from gristmill_legal import DefinedTerms, Jurisdiction, Redact
from gristmill_legal.redact import COMPANY, ROLES


def file_key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", Path(name).name.rsplit(".", 1)[0].lower())


def phrases(answer: str) -> list[str]:
    return [str(item) for item in ast.literal_eval(answer)] if answer.startswith("[") else []


def same_law(found: str, label: str) -> bool:
    """Return whether a place is among those of the label, whose names are free text."""
    label = label.lower().replace("england; wales", "england and wales")
    found = found.lower()
    return (
        found in label
        or (found == "england and wales" and "england" in label)
        or (found.endswith("china") and "china" in label)
    )


def is_name(phrase: str) -> bool:
    """Return whether a label of parties is a name: no sentence, no role, no list of roles."""
    words = re.findall(r"[A-Za-z]+", phrase)
    is_phrase = any(mark in phrase for mark in ('"', "“", "(", "collectively", "each ", "hereinafter"))
    return (
        bool(words) and not is_phrase and len(words) <= 9 and any(word.lower() not in ROLES for word in words)
    )


def is_left(phrase: str, text: str) -> bool:
    pattern = r"\s+".join(map(re.escape, phrase.split()))
    return re.search(rf"(?<!\w){pattern}(?!\w)", text) is not None


def report(name: str, rows: list[Mapping[str, str]], texts: list[str]) -> None:
    found = run(Jurisdiction, texts)["governing_law"]
    right = wrong = missed = extra = silent = 0
    for row, place in zip(rows, found, strict=True):
        label = row["Governing Law-Answer"].strip(" []")
        if not label:
            extra += place is not None
            silent += place is None
        elif place is None:
            missed += 1
        else:
            right += same_law(str(place), label)
            wrong += not same_law(str(place), label)
    labelled = right + wrong + missed
    print(f"\n{name}: {len(texts)} contracts, {sum(map(len, texts)) / 1e6:.1f} M characters")
    print(f"  governing law: {labelled} labelled, right {right} ({right / labelled:.1%}), another place {wrong}, none found {missed}; "
          f"of {extra + silent} without a label {extra} have one found")  # fmt: skip
    redacted = [str(text) for text in run(Redact, texts)["text"]]
    for kind, columns in (
        ("names of parties", ("Parties",)),
        ("dates", ("Agreement Date", "Effective Date")),
    ):
        total = gone = 0
        per_contract = []
        for row, before, after in zip(rows, texts, redacted, strict=True):
            labels = {phrase for column in columns for phrase in phrases(row[column])}
            labels = {
                item
                for item in labels
                if (is_name(item) if kind[0] == "n" else re.search(r"\d{4}", item) and len(item) < 40)
            }
            labels = {item for item in labels if is_left(item, before)}
            hidden = sum(not is_left(item, after) for item in labels)
            total, gone = total + len(labels), gone + hidden
            if labels:
                per_contract.append(hidden == len(labels))
        print(
            f"  {kind}: {total} labelled, {gone} gone ({gone / total:.1%}); all gone in {sum(per_contract)} of {len(per_contract)} contracts"
        )
    masked = [len(re.findall(r"\[PARTY_[0-9]+\]", text)) for text in redacted]
    print(f"  placeholders of parties: {sum(masked)}, in the median contract {sorted(masked)[len(masked) // 2]}; "
          f"companies by legal form in the texts: {sum(len(COMPANY.findall(' '.join(text.split()))) for text in texts)}, "
          f"after: {sum(len(COMPANY.findall(' '.join(text.split()))) for text in redacted)}")  # fmt: skip
    terms = run(DefinedTerms, texts)
    print("  contracts with", {key: sum(bool(value) for value in values) for key, values in terms.items() if key.startswith("num_")},
          "in all", {key: sum(int(str(value)) for value in values) for key, values in terms.items() if key.startswith("num_")})  # fmt: skip
    quoted = [
        re.search(r"[\"“]([A-Z][a-z]+(?: [A-Z][a-z]+)?)[\"”] (?:shall )?means?\b", text) for text in texts
    ]
    cases = [
        (index, match[1], text.replace(match[0], "It means"))
        for index, (match, text) in enumerate(zip(quoted, texts, strict=True))
        if match
    ]
    again = run(DefinedTerms, [text for _, _, text in cases])
    noticed = sum(
        after < terms["num_defined_terms"][index]
        for (index, _, _), after in zip(cases, again["num_defined_terms"], strict=True)
    )
    more = [
        after > terms["num_undefined_terms"][index]
        for (index, _, _), after in zip(cases, again["num_undefined_terms"], strict=True)
    ]
    used = [
        len(re.findall(rf"[a-z,] (?:the|any|such|each|of|to|by) {term}", text)) >= 3
        for _, term, text in cases
    ]
    print(f"  a definition taken out of {len(cases)} contracts: missing in {noticed}; of the {sum(used)} whose term is used three times, "
          f"{sum(a and b for a, b in zip(more, used, strict=True))} have a new undefined term")  # fmt: skip


def main(table: Path, folder: Path) -> None:
    csv.field_size_limit(10**8)
    files = {file_key(path.name): path for path in folder.rglob("*.txt")}
    with table.open(encoding="utf-8", errors="replace") as lines:
        rows = [row for row in csv.DictReader(lines) if file_key(row["Filename"]) in files]
    for half, name in enumerate(("made with", "held out")):
        part = [row for row in rows if hashlib.blake2b(row["Filename"].encode()).digest()[0] % 2 == half]
        report(
            name,
            part,
            [files[file_key(row["Filename"])].read_text("utf-8", errors="replace") for row in part],
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
