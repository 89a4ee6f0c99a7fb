"""`medical.clinical_sections`: which sections a clinical note has, in what order, and how much of it stands under them.

Names and codes follow the section templates of HL7's Consolidated CDA (release 2.1) with their LOINC codes; variants
follow those in use in American dictated notes, as collected in the SecTag terminology (Denny et al., AMIA 2008, and
JAMIA 16:806, 2009) and seen in MTSamples. The table is `sections.tsv`.
"""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from gristmill.plugins.api import Context, Signal

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

CUT = "\ufdd0"
"""A noncharacter of Unicode, for internal use: where a heading stood."""
_SHORT = 3
"""Headings up to this length count in capitals only: `PE:`, `A:`, but not `a:`."""


def load_sections() -> dict[str, str]:
    """Return heading in small letters to section name.

    Examples
    --------
    >>> load_sections()["hpi"]
    'history_present_illness'
    """
    table = (importlib.resources.files(__package__) / "sections.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines() if not line.startswith("#")]
    return {heading: name for name, _, headings in rows for heading in headings.split("|")}


def heading_pattern(headings: Mapping[str, str]) -> str:
    """Return a pattern for a heading: at the start of a line, with a colon behind it or alone in its line.

    Longest first, so that `medications on admission` is not read as `medications`. Spaces may be many; a list number or
    mark may stand before. In the middle of a line a heading counts in capitals with its colon.
    """
    longest_first = sorted(headings, key=lambda heading: (-len(heading), heading))
    spaced = [re.escape(heading).replace(r"\ ", " +").replace("\\-", "-") for heading in longest_first]
    words = [word for word, heading in zip(spaced, longest_first, strict=True) if len(heading) > _SHORT]
    capitals = "|".join(word.upper().replace(r"\ +", " +") for word in spaced)
    return (
        rf"(?m)^[ \t]*(?:[-*#>•]+ *|\(?[0-9]{{1,2}}[.)] *)?(?:(?i:{'|'.join(words)})|{capitals}) *(?:[:]|-+ |$)"
        rf"|(?-u:\b)(?:{'|'.join(word.upper() for word in words)}):"
    )


class ClinicalSections(Signal):
    """The sections of a clinical note.

    ``num_sections``: headings found, uint32. ``sections``: their names in order, with ` > ` between them, repeats in
    a row once; null without any. ``section_fraction``: characters under headings over all characters, in [0, 1];
    null for an empty document. ``largest_section``: the section with most text (ties: the first by name); null
    without any. ``num_empty_sections``: headings with nothing under them, as templates leave them.
    """

    name, version = "clinical_sections", 1
    inputs = ("text",)
    outputs: ClassVar = {
        "num_sections": "uint32",
        "sections": "utf8?",
        "section_fraction": "float32?",
        "largest_section": "utf8?",
        "num_empty_sections": "uint32",
    }

    def open(self, context: Context) -> None:
        """Load the table of headings."""
        import polars as pl

        del context
        sections = load_sections()
        self._pattern = heading_pattern(sections)
        self._names = pl.DataFrame(
            {"heading": list(sections), "section": list(sections.values())},
            schema={"heading": pl.String, "section": pl.String},
        )

    def compute(self, batch: pa.RecordBatch) -> Mapping[str, pl.Series]:
        """Cut every text at its headings and join the pieces with the table."""
        import polars as pl

        documents = pl.DataFrame({"text": pl.from_arrow(batch.column("text"))}).select(
            row=pl.int_range(pl.len(), dtype=pl.Int64),
            text=pl.col("text").str.replace_all(CUT, "\ufffd", literal=True),
        )
        found = documents.filter(pl.col("text").str.contains(self._pattern))
        pieces = found.select(
            "row",
            heading=pl.col("text").str.extract_all(self._pattern),
            body=pl.col("text").str.replace_all(self._pattern, CUT).str.split(CUT).list.slice(1),
        ).explode("heading", "body")
        named = pieces.select(
            "row",
            heading=pl.col("heading")
            .str.replace(r"^[\s\-*#>•]*(?:\(?[0-9]{1,2}[.)] *)?", "")
            .str.replace(r"[\s:\-]*$", "")
            .str.replace_all(" +", " ")
            .str.to_lowercase(),
            length=pl.col("body").str.len_chars().cast(pl.Int64),
            is_empty=pl.col("body").str.strip_chars().str.len_bytes() == 0,
        ).join(self._names, on="heading", how="left", maintain_order="left")
        by_row = named.group_by("row", maintain_order=True).agg(
            num_sections=pl.len(),
            sections=pl.col("section")
            .filter(pl.col("section") != pl.col("section").shift(1).fill_null(""))
            .str.join(" > "),
            covered=pl.col("length").sum(),
            num_empty_sections=pl.col("is_empty").sum(),
        )
        largest = (
            named.group_by("row", "section")
            .agg(pl.col("length").sum())
            .sort(["row", "length", "section"], descending=[False, True, False])
            .group_by("row", maintain_order=True)
            .agg(largest_section=pl.col("section").first())
        )
        result = documents.join(by_row, on="row", how="left", maintain_order="left").join(
            largest, on="row", how="left", maintain_order="left"
        )
        length = pl.col("text").str.len_chars()
        columns = result.select(
            pl.col("num_sections").fill_null(0).cast(pl.UInt32),
            "sections",
            pl.when(length > 0)
            .then(pl.col("covered").fill_null(0) / length)
            .cast(pl.Float32)
            .alias("section_fraction"),
            "largest_section",
            pl.col("num_empty_sections").fill_null(0).cast(pl.UInt32),
        )
        return {name: columns[name] for name in columns.columns}
