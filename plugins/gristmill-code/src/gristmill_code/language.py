"""`code.language`: the programming language of a document, by its content.

Marks (shebangs, keywords, forms of declaration) are counted and weighted; the language with the highest score
wins. Not here: the marks (`marks`), file names (a URL's ending is better evidence where there is one).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from gristmill.plugins.api import Field, Signal, frozen_config
from gristmill_code.marks import LANGUAGES, MARKS, PARENTS
from gristmill_code.patterns import any_of

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

HEAD_CHARACTERS = 8192
"""As much of a document is looked at: what a file is shows near its start."""
MOST_OF_A_KIND = 12
"""Marks of one language and weight count no further: one form that repeats must not outweigh five that differ."""
MIN_SCORE = 6.0
"""One mark that is hardly ever seen elsewhere."""
MIN_SCORE_A_LINE = 0.2
"""Prose about programs holds a mark here and there; a program has a score of a fifth of its lines at least."""
SURE_SCORE = 20.0
"""A shebang or its like: enough for files of any length, such as tables of data in a program's syntax."""


def scores(head: pl.Expr) -> dict[str, pl.Expr]:
    """Return language to an expression for its score (float64, 0 and more) in a column of heads of documents."""
    import polars as pl

    own: dict[str, pl.Expr] = {}
    for language in LANGUAGES:
        weights = sorted({mark.weight for mark in MARKS if mark.language == language})
        terms = [
            head.str.count_matches(
                any_of(m.pattern for m in MARKS if m.language == language and m.weight == weight)
            ).clip(upper_bound=MOST_OF_A_KIND)
            * float(weight)
            for weight in weights
        ]
        own[language] = pl.sum_horizontal(terms)
    inherited = {
        child: pl.when(own[child] > 0).then(own[child] + own[parent]).otherwise(0.0)
        for child, parent in PARENTS.items()
    }
    return {**own, **inherited}


def detect(texts: pl.Series) -> pl.DataFrame:
    r"""Return columns ``language`` (string, null where none is known) and ``language_score`` (float32) for texts.

    The score is the winner's share of what the two best languages have together, in (0.5, 1]; ties go to the
    first by name and have 0.5.

    Examples
    --------
    >>> import polars as pl
    >>> detect(pl.Series(["fn main() {\n    println!(\"a\");\n}", "An apple a day."]))["language"].to_list()
    ['rust', None]
    """
    import polars as pl

    head = pl.col("text").str.head(HEAD_CHARACTERS)
    frame = (
        texts.rename("text")
        .to_frame()
        .select(head, lines=head.str.count_matches(r"(?m)^.*\S").cast(pl.Float64))
    )
    named = [expression.cast(pl.Float64).alias(name) for name, expression in scores(pl.col("text")).items()]
    table = frame.select(*named, "lines")
    ranked = pl.concat_list(LANGUAGES).list.sort(descending=True)
    best, second = ranked.list.get(0), ranked.list.get(1)
    # A child has all of its parent's marks: the parent is no rival of it.
    winner = pl.coalesce(pl.when(pl.col(name) == pl.col("best")).then(pl.lit(name)) for name in _ORDER)
    judged = table.with_columns(best=best, second=second).with_columns(winner=winner)
    needed = pl.min_horizontal(pl.lit(SURE_SCORE), MIN_SCORE_A_LINE * pl.col("lines"))
    enough = (pl.col("best") >= MIN_SCORE) & (pl.col("best") >= needed)
    share = pl.col("best") / (pl.col("best") + pl.col("second"))
    return judged.select(
        language=pl.when(enough).then("winner"),
        language_score=pl.when(enough).then(share).cast(pl.Float32),
    )


_ORDER = tuple(sorted(LANGUAGES, key=lambda name: (name not in PARENTS, name)))


@frozen_config
class LanguageConfig:
    """Recipe keys of `code.language`."""

    languages: tuple[str, ...] = Field(
        default=(), doc="only these may come out; empty for all that are known"
    )

    def __post_init__(self) -> None:
        for name in self.languages:
            if name not in LANGUAGES:
                raise ValueError(f"`{name}` is none of the languages known: {', '.join(LANGUAGES)}")


class Language(Signal):
    """The programming language of a document.

    ``language``: such as ``python`` or ``c``; null for prose, for text too short to say, and for languages that
    are not known or not asked for. ``language_score``: the winner's share of what the two best have together,
    in [0.5, 1]; null with it. A language and the one it extends (C++ and C) share marks: scores near 0.5 are
    usual for them.
    """

    name, version = "language", 1
    inputs = ("text",)
    outputs: ClassVar = {"language": "utf8?", "language_score": "float32?"}
    Config = LanguageConfig
    config: LanguageConfig

    def compute(self, batch: pa.RecordBatch) -> Mapping[str, pl.Series]:
        """Return both columns."""
        import polars as pl

        texts = pl.Series("text", pl.from_arrow(batch.column("text")))
        found = detect(texts)
        if self.config.languages:
            known = pl.col("language").is_in(self.config.languages)
            found = found.select(pl.when(known).then(pl.all()))
        return {"language": found["language"], "language_score": found["language_score"]}
