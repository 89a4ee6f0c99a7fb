"""`finance.filing_sections`: which items of an SEC form a document holds, and in which order.

Items of Form 10-K and 10-Q are those the forms prescribe (Regulation S-K, 17 CFR 229, says what is in them), items of
8-K those of that form. Not here: what surrounds the items (`boilerplate`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from gristmill.plugins.api import Expr, Field, Float32, Signal, UInt32, col, frozen_config, lit, when
from gristmill_finance.patterns import ascii_classes

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

Form = Literal["10-K", "10-Q", "8-K"]

ITEMS: dict[str, tuple[tuple[str, str], ...]] = {
    "10-K": (
        ("1", r"Business"),
        ("1A", r"Risk\s+Factors"),
        ("1B", r"Unresolved\s+Staff\s+Comments"),
        ("1C", r"Cybersecurity"),
        ("2", r"(?:Description\s+of\s+)?Propert(?:y|ies)"),
        ("3", r"Legal\s+Proceedings"),
        ("4", r"Mine\s+Safety|Submission\s+of\s+Matters|\(?Removed\s+and\s+Reserved|\[?Reserved"),
        ("5", r"Market\s+for"),
        ("6", r"Selected\s+(?:Consolidated\s+)?(?:Historical\s+)?Financial|\[?\(?Reserved"),
        ("7", r"Management[’'`]?s\s+Discussion"),
        ("7A", r"Quantitative\s+and\s+Qualitative"),
        ("8", r"(?:Consolidated\s+)?Financial\s+Statements"),
        ("9", r"Changes\s+in\s+and\s+Disagreements"),
        ("9A", r"Controls\s+and\s+Procedures"),
        ("9B", r"Other\s+Information"),
        ("9C", r"Disclosure\s+Regarding\s+Foreign"),
        ("10", r"Directors"),
        ("11", r"Executive\s+Compensation"),
        ("12", r"Security\s+Ownership"),
        ("13", r"Certain\s+Relationships"),
        ("14", r"Principal\s+Account(?:ant|ing)"),
        ("15", r"Exhibits?"),
        ("16", r"Form\s+10-?K\s+Summary"),
    ),
    "10-Q": (
        ("I-1", r"(?:Condensed\s+)?(?:Consolidated\s+)?Financial\s+Statements"),
        ("I-2", r"Management[’'`]?s\s+Discussion"),
        ("I-3", r"Quantitative\s+and\s+Qualitative"),
        ("I-4", r"Controls\s+and\s+Procedures"),
        ("II-1", r"Legal\s+Proceedings"),
        ("II-1A", r"Risk\s+Factors"),
        ("II-2", r"Unregistered\s+Sales"),
        ("II-3", r"Defaults?\s+Upon"),
        ("II-4", r"Mine\s+Safety"),
        ("II-5", r"Other\s+Information"),
        ("II-6", r"Exhibits?"),
    ),
    "8-K": (
        ("1.01", r"Entry\s+into"),
        ("1.02", r"Termination\s+of"),
        ("1.03", r"Bankruptcy"),
        ("1.04", r"Mine\s+Safety"),
        ("1.05", r"Material\s+Cybersecurity"),
        ("2.01", r"Completion\s+of"),
        ("2.02", r"Results\s+of\s+Operations"),
        ("2.03", r"Creation\s+of"),
        ("2.04", r"Triggering\s+Events"),
        ("2.05", r"Costs\s+Associated"),
        ("2.06", r"Material\s+Impairments?"),
        ("3.01", r"Notice\s+of\s+Delisting"),
        ("3.02", r"Unregistered\s+Sales"),
        ("3.03", r"Material\s+Modifications?"),
        ("4.01", r"Changes\s+in\s+Registrant"),
        ("4.02", r"Non-?Reliance"),
        ("5.01", r"Changes\s+in\s+Control"),
        ("5.02", r"Departure\s+of"),
        ("5.03", r"Amendments?\s+to"),
        ("5.04", r"Temporary\s+Suspension"),
        ("5.05", r"Amendments?\s+to|Waiver"),
        ("5.06", r"Change\s+in\s+Shell"),
        ("5.07", r"Submission\s+of\s+Matters"),
        ("5.08", r"Shareholder\s+Director"),
        ("6.01", r"ABS\s+Informational"),
        ("6.02", r"Change\s+of\s+Servicer"),
        ("6.03", r"Change\s+in\s+Credit"),
        ("6.04", r"Failure\s+to\s+Make"),
        ("6.05", r"Securities\s+Act\s+Updating"),
        ("7.01", r"Regulation\s+FD"),
        ("8.01", r"Other\s+Events"),
        ("9.01", r"(?:Financial\s+Statements\s+and\s+)?Exhibits"),
    ),
}
"""Number and first words of each item's caption: Form 10-K (SEC 1673), Form 10-Q (SEC 1296), Form 8-K (SEC 873)."""

_ENTRY = r"[^\n]*?(?:\.[ \t]?){3,}[^\n]*|[^\n]*?(?:[ \t]{2,}|\t|\|[ \t]*)(?:[FS]-)?\d{1,3}[ \t|]*"
"""How a line of a table of contents ends: dot leaders, or white space and a page number."""


def heading(number: str, caption: str) -> str:
    r"""Return the pattern of an item's heading at the start of a line; number and caption may stand on two lines.

    Examples
    --------
    >>> heading("1A", "Risk")
    '[ \\t|#*]*(?i:item)[ \\t\\x{00A0}]+1A[.:\\s\\x{00A0}|—–-]*(?i:Risk)'
    """
    digits = number.rpartition("-")[2].replace(".", r"\.")
    return rf"[ \t|#*]*(?i:item)[ \t\x{{00A0}}]+{digits}[.:\s\x{{00A0}}|—–-]*(?i:{caption})"


@frozen_config
class FilingSectionsConfig:
    """Recipe keys of `finance.filing_sections`."""

    form: Form = Field(default="10-K", doc="the form whose items are looked for")


class FilingSections(Signal):
    """The items of an SEC form that a document holds.

    ``items``: their numbers in the order in which their text starts, joined by commas, such as ``1,1A,7``; of Form 10-Q
    with the part, ``I-2``; null if there are none. Lines of a table of contents (dot leaders, or a page number behind
    white space) do not count. ``item_fraction``: found over all items of the form, float32 in [0, 1].
    ``is_in_order``: 1 if they stand in the form's order, else 0; null without items. ``num_contents_lines``: lines
    of a table of contents that name an item.
    """

    name, version = "filing_sections", 1
    inputs = ("text",)
    outputs: ClassVar = {
        "items": "utf8?",
        "item_fraction": "float32",
        "is_in_order": "uint32?",
        "num_contents_lines": "uint32",
    }
    Config = FilingSectionsConfig
    config: FilingSectionsConfig

    def compute(self, batch: pa.RecordBatch) -> Mapping[str, pl.Series]:
        """Return the columns; the patterns of items run only on documents in which a line starts with "Item"."""
        import polars as pl

        texts = pl.DataFrame({"text": pl.from_arrow(batch.column("text"))}).with_row_index("row")
        likely = texts.filter(pl.col("text").str.contains(r"(?mi)^[ \t|#*]*item[ \t\x{00A0}]"))
        columns = texts.select("row").join(
            likely.select("row", *self._expressions()), on="row", how="left", maintain_order="left"
        )
        empty = {"item_fraction": 0, "num_contents_lines": 0}
        filled = columns.with_columns(pl.col(name).fill_null(value) for name, value in empty.items())
        return {name: filled[name] for name in self.outputs}

    def _expressions(self) -> list[Expr]:
        import polars as pl

        rows = ITEMS[self.config.form]
        text = col("text").str
        any_heading = "|".join(heading(number, caption) for number, caption in rows)
        contents = ascii_classes(rf"(?m)^(?:{any_heading})(?:{_ENTRY})\r?$")
        # What is left has no table of contents: the headings in it open the items.
        body = text.replace_all(contents, "").str
        places = [
            pl.struct(
                at=body.find(ascii_classes(f"(?m)^(?:{heading(number, caption)})")).cast(pl.Int64),
                row=lit(row, dtype=pl.Int64),
                number=lit(number),
            )
            for row, (number, caption) in enumerate(rows)
        ]
        found = pl.concat_list(places).list.filter(pl.element().struct.field("at").is_not_null())
        ordered = found.list.sort()
        numbers = ordered.list.eval(pl.element().struct.field("number"))
        steps = ordered.list.eval(pl.element().struct.field("row").diff().fill_null(1) > 0)
        has_items = found.list.len() > 0
        return [
            when(has_items).then(numbers.list.join(",")).alias("items"),
            (found.list.len() / len(rows)).cast(Float32).alias("item_fraction"),
            when(has_items).then(steps.list.all()).cast(UInt32).alias("is_in_order"),
            text.count_matches(contents).cast(UInt32).alias("num_contents_lines"),
        ]
