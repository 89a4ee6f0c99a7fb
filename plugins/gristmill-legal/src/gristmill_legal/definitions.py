r"""`legal.defined_terms`: terms that a contract defines, defines twice, never uses, or uses and never defines.

Definitions are those of `structure.DEFINITION`. A term in use is one to four words with capitals behind an article or a
preposition that stands so three times or more (`the Licensed Product`); a name of a place, a month, a numbered part
or an institution is none. K. A. Adams, A Manual of Style for Contract Drafting, chapter 6, on defined terms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from gristmill.plugins.api import Field, Signal, frozen_config
from gristmill_legal.ascii_classes import ascii_classes
from gristmill_legal.jurisdiction import load_places
from gristmill_legal.structure import DEFINITION

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

_QUOTED = r"[\"\x{201C}'\x{2018}]([A-Z][^\"\x{201C}\x{201D}\n]{0,60}?)[\"\x{201D}'\x{2019}]"
_ARTICLE = (
    r"(?:[a-z,]+[ ](?:the|a|an|any|each|such|all|no|this|that|said|its|their|every|either|other|by|of))"
)
TERM_IN_USE = ascii_classes(rf"\b{_ARTICLE}[ ][A-Z][a-z]+(?:[ ](?:and[ ]|of[ ])?[A-Z][a-z]+){{0,3}}\b")
"""An article with a word before it in the sentence, then words with capitals."""
ORDINARY = frozenset(
    [
        "agreement",
        "section",
        "sections",
        "article",
        "articles",
        "exhibit",
        "exhibits",
        "schedule",
        "schedules",
        "annex",
        "appendix",
        "paragraph",
        "clause",
        "party",
        "parties",
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "state",
        "states",
        "united",
        "federal",
        "internet",
        "board",
        "directors",
        "president",
        "chairman",
        "secretary",
        "court",
        "courts",
        "act",
        "code",
        "commission",
        "congress",
        "department",
        "government",
        "world",
        "north",
        "south",
        "east",
        "west",
        "american",
        "english",
        "european",
    ]
)
"""Words that are written with a capital without a definition."""


@frozen_config
class DefinedTermsConfig:
    """Recipe keys of `legal.defined_terms`."""

    min_uses: int = Field(
        default=3, doc="uses from which on words with capitals are taken for a term", minimum=2
    )


class DefinedTerms(Signal):
    """Defined terms of a contract; all uint32 but the last.

    ``num_defined_terms``: different terms with a definition. ``num_repeated_definitions``: definitions
    beyond the first of a term. ``num_unused_terms``: defined terms that stand nowhere else.
    ``num_undefined_terms``: terms in use without a definition. ``undefined_terms``: up to ten of these,
    most frequent first; null without any.
    Singular and plural count as one.
    """

    name, version = "defined_terms", 1
    inputs = ("text",)
    outputs: ClassVar = {
        "num_defined_terms": "uint32",
        "num_repeated_definitions": "uint32",
        "num_unused_terms": "uint32",
        "num_undefined_terms": "uint32",
        "undefined_terms": "utf8?",
    }
    Config = DefinedTermsConfig
    config: DefinedTermsConfig

    def compute(self, batch: pa.RecordBatch) -> Mapping[str, pl.Series]:
        """Collect definitions and uses, and take one from the other."""
        import polars as pl

        documents = pl.DataFrame({"text": pl.from_arrow(batch.column("text"))}).select(
            row=pl.int_range(pl.len(), dtype=pl.Int64), text=pl.col("text").str.replace_all(r"\s+", " ")
        )
        defined = (
            documents.select(
                "row", text="text", found=pl.col("text").str.extract_all(ascii_classes(DEFINITION))
            )
            .explode("found")
            .drop_nulls("found")
            .with_columns(term=pl.col("found").str.extract_all(_QUOTED))
            .explode("term")
            .drop_nulls("term")
            .with_columns(term=pl.col("term").str.strip_chars("\"'“”‘’ ,"))
            .filter(pl.col("term").str.len_bytes() > 0)
            .with_columns(key=_key(pl.col("term")))
        )
        terms = defined.group_by("row", "key").agg(
            # The shortest form stands in the others, too: `Product` in `Products`.
            definitions=pl.len(),
            text=pl.col("text").first(),
            form=pl.col("term").sort_by(pl.col("term").str.len_bytes()).first(),
        )
        terms = terms.with_columns(uses=pl.col("text").str.count_matches(pl.col("form"), literal=True))
        by_row = terms.group_by("row").agg(
            num_defined_terms=pl.len(),
            num_repeated_definitions=(pl.col("definitions") - 1).sum(),
            num_unused_terms=(pl.col("uses") <= pl.col("definitions")).sum(),
        )
        # Every word of a defined term is known, so that `Net Sales` also covers `Annual Net Sales`.
        known = terms.select("row", word=pl.col("key").str.split(" ")).explode("word").unique()
        used = (
            documents.select("row", use=pl.col("text").str.extract_all(TERM_IN_USE))
            .explode("use")
            .drop_nulls()
            .with_columns(term=pl.col("use").str.replace(r"^[a-z,]+ [a-z]+ ", ""))
            .with_columns(key=_key(pl.col("term")))
            .group_by("row", "key")
            .agg(term=pl.col("term").min(), uses=pl.len())
            .filter(pl.col("uses") >= self.config.min_uses)
        )
        ordinary = sorted(ORDINARY | {word for place in load_places() for word in place.split()})
        covered = (
            used.with_columns(word=pl.col("key").str.split(" "))
            .explode("word")
            .join(known.with_columns(is_known=pl.lit(True)), on=["row", "word"], how="left")
            .filter(pl.col("is_known").fill_null(False) | pl.col("word").is_in(ordinary))
            .select("row", "key")
            .unique()
        )
        undefined = (
            used.join(covered, on=["row", "key"], how="anti")
            .sort(["row", "uses", "term"], descending=[False, True, False])
            .group_by("row", maintain_order=True)
            .agg(num_undefined_terms=pl.len(), undefined_terms=pl.col("term").head(10).str.join("; "))
        )
        result = documents.select("row")
        for part in (by_row, undefined):
            result = result.join(part, on="row", how="left", maintain_order="left")
        counts = [name for name in self.outputs if name.startswith("num_")]
        result = result.with_columns(pl.col(name).fill_null(0).cast(pl.UInt32) for name in counts)
        return {name: result[name] for name in self.outputs}


def _key(term: pl.Expr) -> pl.Expr:
    """Return a term in small letters, its words without a plural's ending."""
    return term.str.to_lowercase().str.replace_all(r"ies(?-u:\b)", "y").str.replace_all(r"s(?-u:\b)", "")
