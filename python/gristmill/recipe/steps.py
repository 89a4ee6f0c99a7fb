"""All built-in steps by name, and `clean`. Dedup is in `dedup`, the rules are in `rules`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from gristmill.recipe import choose
from gristmill.recipe.builtin import BuiltinStep
from gristmill.recipe.cuts import BloomDedup
from gristmill.recipe.dedup import ExactDedup, MinhashDedup
from gristmill.recipe.rules import (
    blocklist,
    c4,
    code,
    data_juicer,
    diversity,
    dolma,
    fineweb,
    gopher,
    madlad,
    nemo,
    redpajama,
    spikes,
    tokens,
    web_lines,
)
from gristmill.recipe.semantic import SemanticDedup
from gristmill.recipe.step_base import ColumnKind
from gristmill.recipe.substring import SubstringDedup


class Clean(BuiltinStep):
    """Repairs text: Unicode form, encoding errors, control and invisible characters, line ends, white space."""

    use: Literal["clean"]
    nfc: bool = Field(True, description="Bring text to Unicode normalisation form C.")
    mojibake: bool = Field(
        True, description="Repair UTF-8 that was read as Windows-1252 or Latin-1, where certain."
    )
    controls: bool = Field(
        True, description="Remove control characters (not tab, not line ends) and noncharacters."
    )
    zero_width: bool = Field(
        True, description="Remove zero-width and direction marks, except joiners that shape text."
    )
    newlines: bool = Field(True, description="Make every kind of line end a line feed.")
    whitespace: bool = Field(
        True, description="Make Unicode spaces plain; remove trailing blanks and surplus blank lines."
    )
    lowercase: bool = Field(False, description="Lower-case everything.")

    columns: ClassVar[Mapping[str, ColumnKind]] = {"num_changes": "uint32"}
    edits_text: ClassVar[bool] = True
    source_note: ClassVar[str] = (
        "Unicode Standard Annex 15 for the normal form; the other parts are gristmill's own."
    )


BUILTIN_STEPS: Mapping[str, type[BuiltinStep]] = {
    "clean": Clean,
    **gopher.STEPS,
    **c4.STEPS,
    **fineweb.STEPS,
    **dolma.STEPS,
    **nemo.STEPS,
    **data_juicer.STEPS,
    **code.STEPS,
    **blocklist.STEPS,
    **spikes.STEPS,
    **diversity.STEPS,
    **web_lines.STEPS,
    **madlad.STEPS,
    **redpajama.STEPS,
    **tokens.STEPS,
    "bloom_dedup": BloomDedup,
    "exact_dedup": ExactDedup,
    "minhash_dedup": MinhashDedup,
    "substring_dedup": SubstringDedup,
    "semantic_dedup": SemanticDedup,
    **choose.STEPS,
}
"""Built-in steps by the name that `use` gives."""
