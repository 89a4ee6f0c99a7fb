"""`code.comment_share`: how much of a source file is comment, and how much is string.

The work is done by `gristmill-code-native` where it is installed and by `lexer` where it is not, with the same results.
Not here: what comments look like (`syntaxes`).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol, cast

from gristmill.plugins.api import Context, Field, Signal, frozen_config
from gristmill_code.language import detect
from gristmill_code.lexer import measure
from gristmill_code.syntaxes import SYNTAXES, Form

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

COUNTS = ("num_characters", "num_comment_characters", "num_string_characters", "num_comments")


class NativeLexer(Protocol):
    """What the compiled package offers."""

    def measure_comments(
        self, texts: pa.Array, languages: pa.Array, syntaxes: Sequence[Sequence[tuple[object, ...]]]
    ) -> object:
        """Return an Arrow struct array of `COUNTS`, null where text or language is null."""


def native_lexer() -> NativeLexer | None:
    """Return the compiled lexer, or none if `gristmill-code-native` is not installed."""
    try:
        return cast(NativeLexer, importlib.import_module("gristmill_code_native"))
    except ModuleNotFoundError:
        return None


def count(texts: pl.Series, languages: pl.Series, native: NativeLexer | None) -> pl.DataFrame:
    """Return the four `COUNTS` (uint64) of texts whose languages are named; null where the language has no comments.

    Without the compiled lexer every text becomes a Python string, and takes some 18 times as long.

    Examples
    --------
    >>> import polars as pl
    >>> count(pl.Series(["x # y"]), pl.Series(["python"]), None).row(0)
    (3, 2, 0, 1)
    """
    import polars as pl

    names = tuple(SYNTAXES)
    schema = dict.fromkeys(COUNTS, pl.UInt64)
    if native is None:
        rows = [
            _count_one(text, SYNTAXES.get(name or "")) for text, name in zip(texts, languages, strict=True)
        ]
        return pl.DataFrame(rows, schema=schema, orient="row")
    numbers = languages.replace_strict(list(names), range(len(names)), default=None, return_dtype=pl.Int32)
    import pyarrow as pa

    tuples = [[form.as_tuple() for form in SYNTAXES[name]] for name in names]
    # Polars holds text in views; one copy makes it the layout that everyone reads.
    found = native.measure_comments(
        pa.array(texts.to_arrow()).cast(pa.large_utf8()), pa.array(numbers.to_arrow(), pa.int32()), tuples
    )
    return pl.DataFrame(pa.RecordBatch.from_struct_array(pa.array(found)))


def _count_one(text: str, forms: Sequence[Form] | None) -> tuple[int | None, ...]:
    if forms is None:
        return (None,) * len(COUNTS)
    shares = measure(text, forms)
    return (
        shares.num_characters,
        shares.num_comment_characters,
        shares.num_string_characters,
        shares.num_comments,
    )


@frozen_config
class CommentShareConfig:
    """Recipe keys of `code.comment_share`."""

    language: str | None = Field(
        default=None, doc="the language of all documents; without it, each document's is found by its content"
    )

    def __post_init__(self) -> None:
        if self.language is not None and self.language not in SYNTAXES:
            raise ValueError(f"`{self.language}` is none of the languages known: {', '.join(SYNTAXES)}")


class CommentShare(Signal):
    """How much of a source file is comment and string.

    ``comment_fraction`` and ``string_fraction``: characters in comments (docstrings and POD are comments) and in
    strings over all characters that are not ASCII white space, marks and quotes included, float32 in [0, 1].
    ``num_comments``: comments; each line of ``//`` is one. All are null where the language is not known or has no
    comments; the fractions also where a text is all white space.

    Not seen: regular expressions of JavaScript, Perl and Ruby that hold quotation marks (strings there end with
    their line, so the fault is of one line), here-documents, C++ raw strings, HTML around PHP.
    """

    name, version = "comment_share", 1
    inputs = ("text",)
    outputs: ClassVar = {
        "comment_fraction": "float32?",
        "string_fraction": "float32?",
        "num_comments": "uint32?",
    }
    Config = CommentShareConfig
    config: CommentShareConfig

    def open(self, context: Context) -> None:
        """Look for the compiled lexer."""
        self._native = native_lexer()
        if self._native is None:
            context.logger.info("`gristmill-code-native` is not installed: comments are counted in Python")

    def compute(self, batch: pa.RecordBatch) -> Mapping[str, pl.Series]:
        """Return the columns of a batch."""
        import polars as pl

        texts = pl.Series("text", pl.from_arrow(batch.column("text")))
        if self.config.language is None:
            languages = detect(texts)["language"]
        else:
            languages = pl.Series([self.config.language]).new_from_index(0, len(texts))
        total, comments, strings = (pl.col(name) for name in COUNTS[:3])
        columns = count(texts, languages, self._native).select(
            comment_fraction=pl.when(total > 0).then(comments / total).cast(pl.Float32),
            string_fraction=pl.when(total > 0).then(strings / total).cast(pl.Float32),
            num_comments=pl.col("num_comments").cast(pl.UInt32),
        )
        return {name: columns[name] for name in self.outputs}
