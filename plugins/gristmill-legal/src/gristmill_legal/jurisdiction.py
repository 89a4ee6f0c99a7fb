# ruff: noqa: E501  # tables of patterns
"""`legal.jurisdiction`: which law governs a contract, which courts decide, and whether arbitrators do.

Clauses are known by their verbs (`governed by`, `construed in accordance with`, `laws of X shall govern`); wordings follow
K. A. Adams, A Manual of Style for Contract Drafting, chapter 13, and those of CUAD's contracts. Places are in
`jurisdictions.tsv`.
"""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from gristmill.plugins.api import Context, Signal
from gristmill_legal.ascii_classes import ascii_classes

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa


def load_places() -> dict[str, str]:
    """Return the names of places in small letters, also other names and adjectives, to the place.

    Examples
    --------
    >>> load_places()["english"], load_places()["prc"]
    ('England and Wales', "People's Republic of China")
    """
    table = (importlib.resources.files(__package__) / "jurisdictions.tsv").read_text(encoding="utf-8")
    places = {}
    for line in table.splitlines():
        if not line.startswith("#"):
            name, _, others = line.split("\t")
            places.update({other.lower(): name for other in (name, *others.split("|")) if other})
    return places


def place_pattern(places: Mapping[str, str]) -> str:
    """Return a pattern for any of these names, longest first, in any case."""
    longest_first = sorted(places, key=lambda name: (-len(name), name))
    return rf"(?i:{'|'.join(re.escape(name).replace(chr(92) + ' ', ' ') for name in longest_first)})"


_OF = (
    r"(?:(?i:of|in|from|under)[ ])(?:(?i:the)[ ])?(?:(?i:internal|domestic|substantive|laws?|applicable|force|in)[ ](?i:of|in)[ ]"
    r"(?:(?i:the)[ ])?)?(?:(?i:state|commonwealth|province|republic|country|kingdom|territory|courts)[ ]?(?i:of)[ ]?(?:(?i:the)[ ])?)?"
)
_GOVERN = r"(?i:govern(?:ed|s|ing)?|constru(?:ed|ction)|interpret(?:ed|ation)|enforce[ad]?(?:ble)?|accord(?:ance|ing)|controlled|determined|resolved)"
_OTHER = r"(?i)\b(?:organi[sz]ed|incorporated|existing|formed|registered|chartered|good standing|compliance|qualified|comply)\b"
"""What else is done under a law: a company is organised under one."""
_FEDERAL = "United States"
"""Named beside a state in most clauses; it counts where no other place is named."""


class Jurisdiction(Signal):
    """The law, the courts and the arbitration that a contract chooses.

    ``governing_law``: the place named most often in clauses that choose a law (ties: the first in the text), such as
    `New York` or `England and Wales`; null if no clause names a place. ``courts``: likewise for clauses on jurisdiction
    and venue. ``num_governing_law_clauses``, ``num_forum_clauses``, ``num_arbitration_clauses``: uint32; the first two
    count clauses with a place of the table.
    """

    name, version = "jurisdiction", 1
    inputs = ("text",)
    outputs: ClassVar = {
        "governing_law": "utf8?",
        "courts": "utf8?",
        "num_governing_law_clauses": "uint32",
        "num_forum_clauses": "uint32",
        "num_arbitration_clauses": "uint32",
    }

    def open(self, context: Context) -> None:
        """Load the places and build the patterns."""
        import polars as pl

        del context
        places = load_places()
        place = place_pattern(places)
        self._places = pl.DataFrame(
            {"word": list(places), "place": list(places.values())},
            schema={"word": pl.String, "place": pl.String},
        )
        # The place is the last thing a match holds, so that it can be read off its end.
        named = rf"(?:(?i:laws?)(?:[ ][A-Za-z,()-]+){{0,6}}?[ ]{_OF}{place}|{place}(?:[ ](?i:state|substantive|internal))?(?:[ ]?['’]s?)?[ ](?i:laws?))"
        self._law = ascii_classes(
            rf"\b{_GOVERN}\b[^.;]{{0,120}}?\b{named}\b"
            rf"|\b(?i:laws?)[ ]{_OF}{place}\b[^.;]{{0,160}}?\b(?i:shall|will)?[ ]?(?i:govern|apply|applies|control)"
        )
        self._court = ascii_classes(
            rf"\b(?i:jurisdiction|venue|courts?)\b[^.;]{{0,100}}?\b(?i:in|of|for|at|within)[ ](?:(?i:the)[ ])?[^.;]{{0,60}}?{place}\b"
            rf"|\b{place}(?:[ ](?i:state|federal|and))*[ ](?i:courts?)\b"
        )
        self._place = ascii_classes(rf"\b{place}\b")
        self._arbitration = ascii_classes(
            r"(?i:\b(?:shall|will|must|may)[ ]be[ ](?:finally[ ])?(?:settled|resolved|determined|decided|submitted)[^.;]{0,80}?\barbitrat"
            r"|\bbinding[ ]arbitration\b|\brules[ ]of[ ](?:arbitration|the[ ](?:american[ ]arbitration|international[ ]chamber|london[ ]court))"
            r"|\bagreement[ ]to[ ]arbitrate\b)"
        )

    def compute(self, batch: pa.RecordBatch) -> Mapping[str, pl.Series]:
        """Find the clauses, then the places in them."""
        import polars as pl

        documents = pl.DataFrame({"text": pl.from_arrow(batch.column("text"))}).select(
            row=pl.int_range(pl.len(), dtype=pl.Int64),
            text=pl.col("text")
            .str.replace_all(r"\s+", " ")
            .str.replace_all(r"\b[Oo]f(the|State)\b", "of $1"),
        )
        law = self._main_place(documents, self._law, "governing_law", "num_governing_law_clauses")
        courts = self._main_place(documents, self._court, "courts", "num_forum_clauses")
        result = (
            documents.with_columns(
                num_arbitration_clauses=pl.col("text").str.count_matches(self._arbitration)
            )
            .join(law, on="row", how="left", maintain_order="left")
            .join(courts, on="row", how="left", maintain_order="left")
        )
        counts = ("num_governing_law_clauses", "num_forum_clauses", "num_arbitration_clauses")
        result = result.with_columns(pl.col(name).fill_null(0).cast(pl.UInt32) for name in counts)
        return {name: result[name] for name in self.outputs}

    def _main_place(self, documents: pl.DataFrame, pattern: str, name: str, count: str) -> pl.DataFrame:
        """Return row, place and number of clauses, for rows that have any."""
        import polars as pl

        clauses = (
            documents.select("row", clause=pl.col("text").str.extract_all(pattern))
            .explode("clause")
            .drop_nulls()
            .with_columns(order=pl.int_range(pl.len()))
            .filter(~pl.col("clause").str.contains(_OTHER))
            .with_columns(words=pl.col("clause").str.extract_all(self._place))
            .with_columns(
                word=pl.when(pl.col("clause").str.contains("(?i)(?:govern|apply|applies|control)$"))
                .then(pl.col("words").list.first())
                .otherwise(pl.col("words").list.last())
                .str.to_lowercase()
            )
            .join(self._places, on="word", how="inner", maintain_order="left")
        )
        return (
            clauses.group_by("row", "place")
            .agg(number=pl.len(), order=pl.col("order").min())
            .with_columns(is_federal=pl.col("place") == _FEDERAL)
            .sort(["row", "is_federal", "number", "order"], descending=[False, False, True, False])
            .group_by("row", maintain_order=True)
            .agg(pl.col("place").first().alias(name), pl.col("number").sum().alias(count))
        )
