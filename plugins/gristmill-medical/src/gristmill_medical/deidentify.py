"""`medical.deidentify`, `medical.identifiers` and `medical.no_identifiers`: HIPAA's Safe Harbor list in text.

45 CFR 164.514(b)(2)(i), with the Department of Health and Human Services' "Guidance Regarding Methods for
De-identification of Protected Health Information" (26 November 2012). Patterns find forms: what these operators
leave is not thereby de-identified in the sense of the regulation, which also asks that nobody knows better.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from gristmill.plugins.api import Expr, Field, Filter, Signal, Transform, UInt32, col, frozen_config
from gristmill_medical.masking import END, KINDS, START, Kind, masked, placeholder
from gristmill_medical.name_rules import marking
from gristmill_medical.rules import RULES_BEFORE_NAMES, compiled

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa


@frozen_config
class DeidentifyConfig:
    """Recipe keys of `medical.deidentify`."""

    kinds: tuple[Kind, ...] = Field(default=KINDS, doc="kinds of identifier that are replaced")
    keep_year: bool = Field(
        default=True, doc="leave the year of a date, as the regulation allows: `[DATE 2019]`"
    )
    keep_zip3: bool = Field(
        default=True, doc="leave the first three digits of a ZIP code, 000 for small areas"
    )
    given_names: bool = Field(
        default=True, doc="take a frequent given name and the capitalised words behind it for a name"
    )
    repeat_names: bool = Field(
        default=True, doc="replace words of a name found in context wherever they stand in that document"
    )

    def __post_init__(self) -> None:
        if not self.kinds:
            raise ValueError("`kinds` is empty")


def _series(batch: pa.RecordBatch) -> pl.Series:
    import polars as pl

    series = pl.from_arrow(batch.column("text"))
    assert isinstance(series, pl.Series)
    return series


class Deidentify(Transform):
    """Text with typed placeholders for identifiers: `[NAME]`, `[DATE 2019]`, `[ZIP 902]`, `[AGE 90+]`, `[MRN]`.

    Labels stay: `MRN: 00482913` becomes `MRN: [MRN]`. Dates lose all but their year (a date of birth its year as
    well), ages over 89 become `[AGE 90+]`, of ZIP codes three digits stay, or `000` where 20,000 people or fewer
    share them. Names are found in context: after titles and labels, before degrees, after "his wife", after frequent
    given names; their words are then replaced in the rest of that document. Recall and precision: README.
    """

    name, version = "deidentify", 1
    Config = DeidentifyConfig
    config: DeidentifyConfig

    def apply(self, batch: pa.RecordBatch) -> pl.Series:
        """Return the new texts."""
        return masked(
            _series(batch),
            kinds=self.config.kinds,
            keep_year=self.config.keep_year,
            keep_zip3=self.config.keep_zip3,
            given_names=self.config.given_names,
            repeat_names=self.config.repeat_names,
        )


@frozen_config
class IdentifiersConfig:
    """Recipe keys of `medical.identifiers`."""

    given_names: bool = Field(
        default=True, doc="take a frequent given name and the capitalised words behind it for a name"
    )
    repeat_names: bool = Field(
        default=True, doc="count the words of a name found in context wherever they stand"
    )


class Identifiers(Signal):
    """Identifiers of a document by kind, as `medical.deidentify` replaces them; `num_identifiers` is their sum.

    All uint32. Placeholders that stand in the document already are not counted.
    """

    name, version = "identifiers", 1
    inputs = ("text",)
    outputs: ClassVar = {"num_identifiers": "uint32", **{f"num_{kind}": "uint32" for kind in KINDS}}
    Config = IdentifiersConfig
    config: IdentifiersConfig

    def compute(self, batch: pa.RecordBatch) -> Mapping[str, pl.Series]:
        """Mask the batch and count what was put in."""
        import polars as pl

        before = _series(batch)
        after = masked(
            before, given_names=self.config.given_names, repeat_names=self.config.repeat_names
        ).alias("after")
        counted = pl.DataFrame({"before": before, "after": after}).select(
            (_num(col("after"), kind) - _num(col("before"), kind))
            .clip(lower_bound=0)
            .cast(UInt32)
            .alias(f"num_{kind}")
            for kind in KINDS
        )
        columns = {name: counted[name] for name in counted.columns}
        return {
            "num_identifiers": counted.select(pl.sum_horizontal(pl.all())).to_series().cast(pl.UInt32),
            **columns,
        }


def _num(text: Expr, kind: str) -> Expr:
    import polars as pl

    begin = placeholder(kind)
    return (
        text.str.count_matches(f"{begin}]", literal=True) + text.str.count_matches(f"{begin} ", literal=True)
    ).cast(pl.Int64)


@frozen_config
class NoIdentifiersConfig:
    """Recipe keys of `medical.no_identifiers`."""

    kinds: tuple[Kind, ...] = Field(
        default=tuple(kind for kind in KINDS if kind not in ("date", "url")),
        doc="kinds of identifier that drop a document",
    )


class NoIdentifiers(Filter):
    """Keeps documents in which no identifier of the chosen kinds is found.

    By default dates and addresses of web pages, which public texts are full of, do not count.
    """

    name, version = "no_identifiers", 1
    reason = "the document holds an identifier of HIPAA's Safe Harbor list"
    Config = NoIdentifiersConfig
    config: NoIdentifiersConfig

    def predicate(self) -> Expr:
        """Return whether no pattern of these kinds matches."""
        kinds = self.config.kinds
        expression = col("text")
        for rule in RULES_BEFORE_NAMES:
            # Kinds that are not asked for are replaced too: a later rule must not take a URL's digits for a phone.
            sign = END if rule.kind in kinds else START
            expression = expression.str.replace_all(compiled(rule), rule.replacement + sign)
        if "name" in kinds:
            for pattern, replacement in marking("", END, given_names=True):
                expression = expression.str.replace_all(pattern, replacement)
        return expression.str.count_matches(END, literal=True) == col("text").str.count_matches(
            END, literal=True
        )
