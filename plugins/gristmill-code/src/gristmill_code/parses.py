"""`code.parses`: whether a file is what its language's grammar allows, by tree-sitter.

Needs the extra `gristmill-code[parse]`: tree-sitter and grammars as compiled wheels. Grammars are those of editors:
they follow the languages closely and go on after errors. Not here: what the language is (`language`).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from gristmill.plugins.api import Context, Field, Signal, frozen_config
from gristmill_code.language import detect

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa
    from tree_sitter import Node, Parser

GRAMMARS = {
    "c": ("tree_sitter_c", "language"),
    "cpp": ("tree_sitter_cpp", "language"),
    "go": ("tree_sitter_go", "language"),
    "java": ("tree_sitter_java", "language"),
    "javascript": ("tree_sitter_javascript", "language"),
    "php": ("tree_sitter_php", "language_php"),
    "python": ("tree_sitter_python", "language"),
    "ruby": ("tree_sitter_ruby", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "shell": ("tree_sitter_bash", "language"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
}
"""Language to the module of its grammar and the function that gives it."""


def load_parsers() -> dict[str, Parser]:
    """Return language to parser.

    Raises
    ------
    ModuleNotFoundError
        If a package is missing; the message names all that are, and what installs them.
    """
    names = ["tree_sitter", *(module for module, _ in GRAMMARS.values())]
    modules, missing = {}, []
    for name in names:
        try:
            modules[name] = importlib.import_module(name)
        except ModuleNotFoundError:
            missing.append(name.replace("_", "-"))
    if missing:
        raise ModuleNotFoundError(
            f"`code.parses` needs {', '.join(missing)}: install them with `pip install gristmill-code[parse]`"
        )
    tree_sitter = modules["tree_sitter"]
    return {
        name: tree_sitter.Parser(tree_sitter.Language(getattr(modules[module], function)()))
        for name, (module, function) in GRAMMARS.items()
    }


def count_errors(root: Node, num_bytes: int) -> tuple[int, float]:
    """Return the number of errors in a tree, and the share of its bytes that they cover, in [0, 1].

    An error is text the grammar has no place for (`ERROR`), or a token that had to be made up (`MISSING`). Subtrees
    without errors are not walked: a correct file costs nothing here.
    """
    num_errors, covered, nodes = 0, 0, [root]
    while nodes:
        node = nodes.pop()
        if node.is_missing or node.is_error:
            num_errors += 1
            covered += node.end_byte - node.start_byte
        elif node.has_error:
            nodes.extend(node.children)
    return num_errors, covered / num_bytes if num_bytes else 0.0


@frozen_config
class ParsesConfig:
    """Recipe keys of `code.parses`."""

    language: str | None = Field(
        default=None, doc="the language of all documents; without it, each document's is found by its content"
    )
    max_bytes: int = Field(default=1_000_000, doc="longer documents are not parsed and have nulls", minimum=1)

    def __post_init__(self) -> None:
        if self.language is not None and self.language not in GRAMMARS:
            known = ", ".join(GRAMMARS)
            raise ValueError(f"there is no grammar for `{self.language}`; there are grammars for {known}")


class Parses(Signal):
    """Whether a document parses in its language.

    ``parses``: 1 if there is no error, else 0. ``error_fraction``: share of bytes in parts that the grammar has no
    place for, float32 in [0, 1]. ``num_errors``: such parts, and tokens that are missing. All are null where the
    language is unknown or has no grammar here, and for documents longer than `max_bytes`. Code that is guarded by a
    preprocessor or a template engine may be right and still not parse.
    """

    name, version = "parses", 1
    inputs = ("text",)
    outputs: ClassVar = {"parses": "uint32?", "error_fraction": "float32?", "num_errors": "uint32?"}
    Config = ParsesConfig
    config: ParsesConfig

    def open(self, context: Context) -> None:
        """Load the grammars; raises if one is not installed."""
        del context
        self._parsers = load_parsers()

    def compute(self, batch: pa.RecordBatch) -> Mapping[str, pl.Series]:
        """Return the columns of a batch."""
        import polars as pl

        texts = pl.Series("text", pl.from_arrow(batch.column("text")))
        if self.config.language is None:
            languages = detect(texts)["language"]
        else:
            languages = pl.Series([self.config.language]).new_from_index(0, len(texts))
        wanted = languages.is_in(list(GRAMMARS)).fill_null(value=False) & (
            texts.str.len_bytes() <= self.config.max_bytes
        )
        size = len(texts)
        numbers: list[int | None] = [None] * size
        shares: list[float | None] = [None] * size
        for row in wanted.arg_true():
            data = texts[row].encode()
            tree = self._parsers[languages[row]].parse(data)
            numbers[row], shares[row] = count_errors(tree.root_node, len(data))
        errors = pl.Series(numbers, dtype=pl.UInt32)
        return {
            "parses": (errors == 0).cast(pl.UInt32),
            "error_fraction": pl.Series(shares, dtype=pl.Float32),
            "num_errors": errors,
        }
