"""Prints `nonspacing.tsv`: ranges of the characters of general category Mn, in Unicode 14 as in Python 3.11."""

from __future__ import annotations

import unicodedata

if __name__ == "__main__":
    if unicodedata.unidata_version != "14.0.0":
        raise SystemExit("Python 3.11 has the tables that datatrove's figures were made with")
    marks = [code for code in range(0x110000) if unicodedata.category(chr(code)) == "Mn"]
    known = set(marks)
    starts = [code for code in marks if code - 1 not in known]
    ends = [code for code in marks if code + 1 not in known]
    for start, end in zip(starts, ends, strict=True):
        print(f"{start:x}\t{end:x}")
