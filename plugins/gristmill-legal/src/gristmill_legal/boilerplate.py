"""`legal.licence_boilerplate`: how much of a document is the wording of well-known licences and contracts."""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from gristmill.plugins.api import Context, Signal

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

COMMENT_MARKS = r"(?m)^[\s*#/;>|%-]+"
"""What stands before a licence line in source code and quoted text."""


def load_phrases() -> dict[str, str]:
    """Return phrase to licence family, longest phrase first, from the table that ships with the package.

    The table's third column is the source. Where phrases start at one place, the first of this order is
    found.

    Examples
    --------
    >>> "MIT" in load_phrases().values()
    True
    """
    table = (importlib.resources.files(__package__) / "phrases.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines() if not line.startswith("#")]
    return {phrase: family for family, phrase, _ in sorted(rows, key=lambda row: (-len(row[1]), row[1]))}


class LicenceBoilerplate(Signal):
    """Share of a document that is known licence or contract wording, and whose.

    ``boilerplate_fraction``: characters in table phrases over all characters, in [0, 1], after comment marks,
    runs of white space, quotation marks and case are evened out; null for a document without text. It is a
    lower bound: of a long licence the table holds its longest sentences. ``licence``: the family with most
    characters (ties: the first by name), such as ``MIT``, ``GPL``, ``contract``; null if no phrase is found.
    """

    name, version = "licence_boilerplate", 1
    inputs = ("text",)
    outputs: ClassVar = {"boilerplate_fraction": "float32?", "licence": "utf8?"}

    def open(self, context: Context) -> None:
        """Load the table of phrases."""
        import polars as pl

        del context
        families = load_phrases()
        self._phrases = pl.DataFrame(
            {"phrase": list(families), "licence": list(families.values())},
            schema={"phrase": pl.String, "licence": pl.String},
        ).with_columns(length=pl.col("phrase").str.len_chars().cast(pl.Int64))

    def compute(self, batch: pa.RecordBatch) -> Mapping[str, pl.Series]:
        """Find all phrases of a batch at once (Aho-Corasick) and add up their lengths by family."""
        import polars as pl

        even = (
            pl.col("text")
            .str.replace_all(COMMENT_MARKS, " ")
            .str.replace_all(r"``|''|[“”]", '"')
            .str.replace_all(r"\s+", " ")
            .str.strip_chars()
            .str.to_lowercase()
        )
        documents = pl.DataFrame({"text": pl.from_arrow(batch.column("text"))}).select(
            row=pl.int_range(pl.len(), dtype=pl.Int64), even=even
        )
        found = (
            documents.select(
                "row",
                phrase=pl.col("even").str.extract_many(self._phrases["phrase"].implode(), leftmost=True),
            )
            .filter(pl.col("phrase").list.len() > 0)
            .explode("phrase")
            .join(self._phrases, on="phrase")
            .group_by("row", "licence")
            .agg(pl.col("length").sum())
            .sort(["row", "length", "licence"], descending=[False, True, False])
            .group_by("row", maintain_order=True)
            .agg(covered=pl.col("length").sum(), licence=pl.col("licence").first())
        )
        result = documents.select("row", length=pl.col("even").str.len_chars()).join(
            found, on="row", how="left", maintain_order="left"
        )
        share = pl.when(pl.col("length") > 0).then(pl.col("covered").fill_null(0) / pl.col("length"))
        columns = result.select(share.cast(pl.Float32).alias("boilerplate_fraction"), "licence")
        return {"boilerplate_fraction": columns["boilerplate_fraction"], "licence": columns["licence"]}
