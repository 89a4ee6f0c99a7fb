"""C4's rules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from gristmill.recipe.builtin import BuiltinStep, RuleStep, rules_of
from gristmill.recipe.step_base import ColumnKind, Rule
from gristmill.recipe.values import CountLimit, Text


class C4Quality(RuleStep):
    """Removes lines that are not sentences, then drops documents with too little left or with code and filler."""

    use: Literal["c4_quality"]
    require_terminal_punctuation: bool = Field(True, description="Remove lines that end without an end mark.")
    min_words_per_line: int = Field(3, ge=0, description="Remove lines with fewer words; 0 keeps all.")
    max_word_length: int = Field(
        1000, ge=0, description="Remove lines with a word of more characters; 0 keeps all."
    )
    remove_javascript: bool = Field(True, description="Remove lines that mention JavaScript.")
    remove_policy: bool = Field(
        True, description="Remove lines about cookies, privacy policies and terms of use."
    )
    remove_citations: bool = Field(
        True, description="Cut `[12]`, `[edit]` and `[citation needed]` out of lines."
    )
    min_sentences: CountLimit = Field(5, description="Least number of sentences in the lines that were kept.")
    drop_lorem_ipsum: bool = Field(True, description="Drop documents with `lorem ipsum`.")
    drop_curly_bracket: bool = Field(True, description="Drop documents with a `{`, which is mostly code.")

    columns: ClassVar[Mapping[str, ColumnKind]] = {
        "num_sentences": "uint32",
        "has_lorem_ipsum": "bool",
        "has_curly_bracket": "bool",
        "num_lines_removed": "uint32",
        "num_lines_kept": "uint32",
    }
    rules: ClassVar[Mapping[str, Rule]] = {
        "min_sentences": Rule(column="num_sentences", keep=">=", rule="num_sentences"),
        "drop_lorem_ipsum": Rule(column="has_lorem_ipsum", keep="==", rule="has_lorem_ipsum"),
        "drop_curly_bracket": Rule(column="has_curly_bracket", keep="==", rule="has_curly_bracket"),
    }
    semantics_known: ClassVar[tuple[str, ...]] = ("gristmill", "datatrove")
    edits_text: ClassVar[bool] = True
    source_note: ClassVar[str] = "Raffel et al. 2020, T5, arXiv 1910.10683, section 2.2."


BadWordsLanguage = Literal[
    "ar",
    "cs",
    "da",
    "de",
    "en",
    "eo",
    "es",
    "fa",
    "fi",
    "fil",
    "fr",
    "fr-CA-u-sd-caqc",
    "hi",
    "hu",
    "it",
    "ja",
    "kab",
    "ko",
    "nl",
    "no",
    "pl",
    "pt",
    "ru",
    "sv",
    "th",
    "tlh",
    "tr",
    "zh",
    "none",
]
"""Languages of the LDNOOBW lists; `none` for no list."""


class C4BadWords(RuleStep):
    """Drops documents with words of the list of dirty, naughty, obscene and otherwise bad words."""

    use: Literal["c4_bad_words"]
    max_bad_words: CountLimit = Field(0, description="Largest number of places with an entry of the list.")
    language: BadWordsLanguage = Field(
        "en",
        description="Whose list is taken: one step a language, each with a `where`; `none` takes no list.",
    )
    words_file: Text | None = Field(None, description="A file of further entries, one a line.")

    columns: ClassVar[Mapping[str, ColumnKind]] = {"num_bad_words": "uint32"}
    rules: ClassVar[Mapping[str, Rule]] = rules_of("<=", max_bad_words="num_bad_words")
    semantics_known: ClassVar[tuple[str, ...]] = ("gristmill", "datatrove")
    source_note: ClassVar[str] = (
        "Raffel et al. 2020, T5, arXiv 1910.10683, section 2.2; lists by Shutterstock and contributors (LDNOOBW), "
        "CC-BY-4.0."
    )

    def list_files(self, base: Path) -> Mapping[str, tuple[Path, ...]]:
        """Return the file of further entries.

        Examples
        --------
        >>> step = C4BadWords.model_validate({"use": "c4_bad_words", "name": "words", "words_file": "more.txt"})
        >>> step.list_files(Path("lists"))
        {'words_file': (PosixPath('lists/more.txt'),)}
        """
        return {} if self.words_file is None else {"words_file": (base / Path(self.words_file).expanduser(),)}


class C4Paragraphs(RuleStep):
    """Drops documents with too few long lines, which mC4 calls paragraphs."""

    use: Literal["c4_paragraphs"]
    min_long_paragraphs: CountLimit = Field(3, description="Least number of long lines.")
    long_paragraph_length: int = Field(
        200, ge=0, description="A line of at least so many characters is long, white space included."
    )

    columns: ClassVar[Mapping[str, ColumnKind]] = {
        "num_paragraphs": "uint32",
        "num_long_paragraphs": "uint32",
    }
    rules: ClassVar[Mapping[str, Rule]] = rules_of(">=", min_long_paragraphs="num_long_paragraphs")
    source_note: ClassVar[str] = "Xue et al. 2021, mT5, arXiv 2010.11934, section 3.1."


STEPS: Mapping[str, type[BuiltinStep]] = {
    "c4_quality": C4Quality,
    "c4_bad_words": C4BadWords,
    "c4_paragraphs": C4Paragraphs,
}
"""Steps by the name that `use` gives."""
