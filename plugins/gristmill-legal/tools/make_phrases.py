# a script, not a package
"""Writes `src/gristmill_legal/phrases.tsv`: the sentences by which licence boilerplate is recognised.

Run it as `python tools/make_phrases.py /usr/share/common-licenses`, on a system that has the licence texts
there (Debian and its descendants). Notices and texts that are not in that folder are in `by_hand.tsv`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

SENTENCES_PER_TEXT = 25
"""The longest ones: excerpts enough to recognise a text, which is all the table is for."""
MIN_CHARACTERS = 60

TEXTS = {
    "GPL": ("GPL-3", "GPL-2"),
    "LGPL": ("LGPL-3", "LGPL-2.1"),
    "Apache": ("Apache-2.0",),
    "MPL": ("MPL-2.0", "MPL-1.1"),
    "GFDL": ("GFDL-1.3",),
    "CC": ("CC0-1.0",),
    "Artistic": ("Artistic",),
}
"""Family to files; a sentence that two families share counts for the first that has it."""


def sentences(text: str) -> list[str]:
    """Return the sentences and clauses of a licence text, lower case, one space between words, in order."""
    without_marks = re.sub(r"(?m)^[\s*#/;>|%-]+", "", text.lower())
    flat = re.sub(r"``|''|[“”]", '"', re.sub(r"\s+", " ", without_marks))
    return [part.strip() for part in re.split(r"(?<=[.;:])\s", flat)]


def main(folder: Path) -> None:
    """Write the table."""
    rows: dict[str, tuple[str, str]] = {}
    here = Path(__file__).parent
    for line in (here / "by_hand.tsv").read_text("utf-8").splitlines()[1:]:
        family, phrase, source = line.split("\t")
        rows.setdefault(phrase, (family, source))
    for family, names in TEXTS.items():
        for name in names:
            found = [
                part for part in sentences((folder / name).read_text("utf-8")) if len(part) >= MIN_CHARACTERS
            ]
            for sentence in sorted(set(found), key=lambda part: (-len(part), part))[:SENTENCES_PER_TEXT]:
                rows.setdefault(sentence, (family, f"text of {name}"))
    target = here.parent / "src" / "gristmill_legal" / "phrases.tsv"
    lines = sorted(f"{family}\t{phrase}\t{source}" for phrase, (family, source) in rows.items())
    header = "# Written by tools/make_phrases.py; not by hand. Licence family, phrase, source."
    target.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(lines)} phrases\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
