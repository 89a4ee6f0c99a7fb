"""The built-in steps: their keys with the published defaults, their columns, and which keys are thresholds.

Thresholds are applied to columns after all columns are made, so a changed one computes nothing again. All other keys
affect computing. Not here: the algorithms (native), plugin steps (`step_base`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from gristmill.recipe.step_base import ColumnKind, Comparison, Rule, Step, Threshold
from gristmill.recipe.values import Fraction, NotNegative, Section, Text, TextTuple


class BuiltinStep(Step):
    """A step of the engine.

    Class attributes say what a plan needs: `version` is raised when results change; `columns` are the signals in
    engine order, named without the step; `rules` maps threshold keys to what they do; `edits_text` and `is_dedup` say
    what kind of step it is; `source_note` says where the rule comes from.
    """

    version: ClassVar[int] = 1
    columns: ClassVar[Mapping[str, ColumnKind]] = {}
    rules: ClassVar[Mapping[str, Rule]] = {}
    edits_text: ClassVar[bool] = False
    is_dedup: ClassVar[bool] = False
    source_note: ClassVar[str] = ""

    def thresholds(self) -> tuple[Threshold, ...]:
        """Return the thresholds that are on, in the order of the keys.

        Examples
        --------
        >>> step = FinewebQuality(use="fineweb_quality", name="lines", max_newline_word_ratio=0.5)
        >>> step.thresholds()[-1]
        Threshold(rule='newline_word_ratio', column='newline_word_ratio', keep='<=', threshold=0.5, \
key='max_newline_word_ratio')
        """
        found = []
        for key, rule in self.rules.items():
            value = getattr(self, key)
            if isinstance(value, bool):
                if not value:
                    continue
                value = 0.0
            found.append(
                Threshold(rule=rule.rule, column=rule.column, keep=rule.keep, threshold=float(value), key=key)
            )
        return tuple(found)

    def computing(self) -> dict[str, object]:
        """Return the keys that affect computing, with their values as JSON values: the engine's configuration.

        Examples
        --------
        >>> FinewebQuality(use="fineweb_quality", name="lines").computing()
        {'short_line_length': 30}
        """
        values = self.model_dump(mode="json")
        shared = set(Step.model_fields)
        return {key: value for key, value in values.items() if key not in self.rules and key not in shared}


def _both(minimum: str, maximum: str, column: str) -> dict[str, Rule]:
    """Two thresholds on one column: the rules carry the keys' names, so that counts tell them apart."""
    return {
        minimum: Rule(column=column, keep=">=", rule=minimum),
        maximum: Rule(column=column, keep="<=", rule=maximum),
    }


def _rules(keep: Comparison, **columns: str) -> dict[str, Rule]:
    return {key: Rule(column=column, keep=keep, rule=column) for key, column in columns.items()}


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


_REPETITION = {
    "max_duplicate_line_fraction": "duplicate_line_fraction",
    "max_duplicate_paragraph_fraction": "duplicate_paragraph_fraction",
    "max_duplicate_line_character_fraction": "duplicate_line_character_fraction",
    "max_duplicate_paragraph_character_fraction": "duplicate_paragraph_character_fraction",
    **{f"max_top_{n}_gram_character_fraction": f"top_{n}_gram_character_fraction" for n in (2, 3, 4)},
    **{
        f"max_duplicate_{n}_gram_character_fraction": f"duplicate_{n}_gram_character_fraction"
        for n in range(5, 11)
    },
}


class GopherRepetition(BuiltinStep):
    """Drops documents that repeat lines, paragraphs or word n-grams."""

    use: Literal["gopher_repetition"]
    max_duplicate_line_fraction: NotNegative = Field(0.30, description="Repeated lines, as a share of lines.")
    max_duplicate_paragraph_fraction: NotNegative = Field(
        0.30, description="Repeated paragraphs, as a share of paragraphs."
    )
    max_duplicate_line_character_fraction: NotNegative = Field(
        0.20, description="Characters in repeated lines, as a share of all."
    )
    max_duplicate_paragraph_character_fraction: NotNegative = Field(
        0.20, description="Characters in repeated paragraphs, as a share of all."
    )
    max_top_2_gram_character_fraction: NotNegative = Field(
        0.20, description="Characters in the most frequent pair of words, as a share of all."
    )
    max_top_3_gram_character_fraction: NotNegative = Field(
        0.18, description="Characters in the most frequent 3 words in a row, as a share of all."
    )
    max_top_4_gram_character_fraction: NotNegative = Field(
        0.16, description="Characters in the most frequent 4 words in a row, as a share of all."
    )
    max_duplicate_5_gram_character_fraction: NotNegative = Field(
        0.15, description="Characters in repeated runs of 5 words, as a share of all."
    )
    max_duplicate_6_gram_character_fraction: NotNegative = Field(
        0.14, description="Characters in repeated runs of 6 words, as a share of all."
    )
    max_duplicate_7_gram_character_fraction: NotNegative = Field(
        0.13, description="Characters in repeated runs of 7 words, as a share of all."
    )
    max_duplicate_8_gram_character_fraction: NotNegative = Field(
        0.12, description="Characters in repeated runs of 8 words, as a share of all."
    )
    max_duplicate_9_gram_character_fraction: NotNegative = Field(
        0.11, description="Characters in repeated runs of 9 words, as a share of all."
    )
    max_duplicate_10_gram_character_fraction: NotNegative = Field(
        0.10, description="Characters in repeated runs of 10 words, as a share of all."
    )

    columns: ClassVar[Mapping[str, ColumnKind]] = dict.fromkeys(_REPETITION.values(), "float64")
    rules: ClassVar[Mapping[str, Rule]] = _rules("<=", **_REPETITION)
    source_note: ClassVar[str] = (
        "Rae et al. 2021, Scaling Language Models (Gopher), arXiv 2112.11446, table A1."
    )


class GopherQuality(BuiltinStep):
    """Drops documents whose words, symbols and lines are unlike prose."""

    use: Literal["gopher_quality"]
    min_words: int = Field(50, ge=0, description="Least number of words.")
    max_words: int = Field(100_000, ge=0, description="Largest number of words.")
    min_mean_word_length: NotNegative = Field(3.0, description="Least mean length of words, in characters.")
    max_mean_word_length: NotNegative = Field(
        10.0, description="Largest mean length of words, in characters."
    )
    max_hash_ratio: NotNegative = Field(0.1, description="Number signs, by words.")
    max_ellipsis_ratio: NotNegative = Field(0.1, description="Ellipses, by words.")
    max_bullet_line_fraction: Fraction = Field(
        0.9, description="Lines that begin with a bullet, as a share of lines."
    )
    max_ellipsis_line_fraction: Fraction = Field(
        0.3, description="Lines that end with an ellipsis, as a share of lines."
    )
    min_alphabetic_word_fraction: Fraction = Field(
        0.8, description="Words with at least one letter, as a share of words."
    )
    min_stop_words: int = Field(
        2, ge=0, description="Least number of different stop words; the list suits one language."
    )
    stop_words: TextTuple = Field(
        ("the", "be", "to", "of", "and", "that", "have", "with"),
        description="The stop words; give other ones, or a `where`, for languages other than English.",
    )

    columns: ClassVar[Mapping[str, ColumnKind]] = {
        "num_words": "uint32",
        "mean_word_length": "float64",
        "hash_ratio": "float64",
        "ellipsis_ratio": "float64",
        "bullet_line_fraction": "float64",
        "ellipsis_line_fraction": "float64",
        "alphabetic_word_fraction": "float64",
        "num_stop_words": "uint32",
    }
    rules: ClassVar[Mapping[str, Rule]] = {
        **_both("min_words", "max_words", "num_words"),
        **_both("min_mean_word_length", "max_mean_word_length", "mean_word_length"),
        **_rules(
            "<=",
            max_hash_ratio="hash_ratio",
            max_ellipsis_ratio="ellipsis_ratio",
            max_bullet_line_fraction="bullet_line_fraction",
            max_ellipsis_line_fraction="ellipsis_line_fraction",
        ),
        **_rules(
            ">=", min_alphabetic_word_fraction="alphabetic_word_fraction", min_stop_words="num_stop_words"
        ),
    }
    source_note: ClassVar[str] = (
        "Rae et al. 2021, Scaling Language Models (Gopher), arXiv 2112.11446, section A.1.1."
    )


class C4Quality(BuiltinStep):
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
    min_sentences: int = Field(5, ge=0, description="Least number of sentences in the lines that were kept.")
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
    edits_text: ClassVar[bool] = True
    source_note: ClassVar[str] = "Raffel et al. 2020, T5, arXiv 1910.10683, section 2.2."


class FinewebQuality(BuiltinStep):
    """Drops documents whose lines look like lists, menus and boilerplate."""

    use: Literal["fineweb_quality"]
    min_terminal_punctuation_fraction: Fraction = Field(
        0.12, description="Lines that end with an end mark, as a share of lines."
    )
    max_short_line_fraction: Fraction = Field(0.67, description="Short lines, as a share of lines.")
    short_line_length: int = Field(30, ge=0, description="A line of at most so many characters is short.")
    max_duplicate_character_fraction: Fraction = Field(
        0.01, description="Characters in repeated lines, as a share of all."
    )
    max_newline_word_ratio: NotNegative = Field(0.3, description="Line ends, by words.")

    columns: ClassVar[Mapping[str, ColumnKind]] = {
        "terminal_punctuation_line_fraction": "float64",
        "short_line_fraction": "float64",
        "duplicate_line_character_fraction": "float64",
        "newline_word_ratio": "float64",
    }
    rules: ClassVar[Mapping[str, Rule]] = {
        **_rules(">=", min_terminal_punctuation_fraction="terminal_punctuation_line_fraction"),
        **_rules(
            "<=",
            max_short_line_fraction="short_line_fraction",
            max_duplicate_character_fraction="duplicate_line_character_fraction",
            max_newline_word_ratio="newline_word_ratio",
        ),
    }
    source_note: ClassVar[str] = "Penedo et al. 2024, FineWeb, arXiv 2406.17557, section 3.6."


class PreferredSources(Section):
    """`survivor = { sources = [...] }`: sources named earlier win; within one source, the first document."""

    sources: TextTuple


class HighestColumn(Section):
    """`survivor = { highest = "column" }`: the largest value wins; null is worst."""

    highest: Text


class LowestColumn(Section):
    """`survivor = { lowest = "column" }`: the smallest value wins; null is worst."""

    lowest: Text


Survivor = Literal["longest", "first", "last"] | PreferredSources | HighestColumn | LowestColumn


def _known_survivor(value: object) -> object:
    """Give one clear message instead of one for each form that does not fit."""
    if isinstance(value, (PreferredSources, HighestColumn, LowestColumn)) or value in (
        "longest",
        "first",
        "last",
    ):
        return value
    if isinstance(value, Mapping) and len(value) == 1 and set(value) <= {"highest", "lowest", "sources"}:
        [(key, item)] = value.items()
        if (isinstance(item, list) and item and key == "sources") or (
            isinstance(item, str) and item and key != "sources"
        ):
            return value
    raise PydanticCustomError(
        "survivor",
        'must be "longest", "first", "last", { highest = "column" }, { lowest = "column" } or { sources = ["a", "b"] }',
    )


SurvivorKey = Annotated[Survivor, BeforeValidator(_known_survivor)]


class DedupStep(BuiltinStep):
    """What the two dedup steps share."""

    is_dedup: ClassVar[bool] = True

    @field_validator("where", check_fields=False)
    @classmethod
    def _all_documents(cls, value: dict[str, object]) -> dict[str, object]:
        if value:
            raise PydanticCustomError("where", "dedup compares all documents; `where` cannot be used here")
        return value


class ExactDedup(DedupStep):
    """Removes documents whose text is the same, byte for byte, as that of a kept one."""

    use: Literal["exact_dedup"]
    survivor: SurvivorKey | None = Field(
        None,
        description="Which of several equal documents stays; by default as `minhash_dedup` says, else the first.",
    )

    source_note: ClassVar[str] = "Equal hashes propose, comparing the bytes confirms."


class MinhashDedup(DedupStep):
    """Removes near duplicates: MinHash proposes pairs, exact Jaccard similarity of word n-grams confirms them."""

    use: Literal["minhash_dedup"]
    bands: int = Field(14, ge=1, le=1000, description="Keys a document; more find more pairs.")
    rows: int = Field(8, ge=1, le=100, description="Minima a key; more demand more similarity.")
    shingle_words: int = Field(5, ge=1, le=100, description="Words in a shingle.")
    min_similarity: Fraction = Field(
        0.8, description="A document is removed only if it is at least so similar to one that is kept."
    )
    survivor: SurvivorKey = Field("longest", description="Which of several similar documents stays.")
    seed: int = Field(1, ge=0, lt=1 << 63, description="Chooses the permutations of MinHash.")

    source_note: ClassVar[str] = (
        "Broder 1997, On the resemblance and containment of documents; 14 bands of 8 as in FineWeb."
    )

    @model_validator(mode="after")
    def _enough_permutations(self) -> Self:
        if self.bands * self.rows > 4096:
            raise PydanticCustomError("minhash", "`bands` times `rows` is above 4096")
        return self


BUILTIN_STEPS: Mapping[str, type[BuiltinStep]] = {
    "clean": Clean,
    "gopher_repetition": GopherRepetition,
    "gopher_quality": GopherQuality,
    "c4_quality": C4Quality,
    "fineweb_quality": FinewebQuality,
    "exact_dedup": ExactDedup,
    "minhash_dedup": MinhashDedup,
}
"""Built-in steps by the name that `use` gives."""
