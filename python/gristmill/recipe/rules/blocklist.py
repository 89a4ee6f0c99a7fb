"""Block-lists: of sites and addresses, and of words. The lists are the user's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from gristmill.recipe.builtin import BuiltinStep, RuleStep, rules_of
from gristmill.recipe.step_base import ColumnKind, Rule
from gristmill.recipe.values import CountLimit, FractionLimit, Text, as_tuple

Texts = Annotated[tuple[Text, ...], BeforeValidator(as_tuple)]
"""A list of strings, perhaps empty."""

FOLDER_FILES = ("domains", "urls")
"""What a folder of UT1's block-lists has."""


def _paths(base: Path, names: tuple[str, ...]) -> tuple[Path, ...]:
    return tuple(base / Path(name).expanduser() for name in names)


def _folder_files(folder: Path) -> tuple[Path, ...]:
    """Return the files of a list folder that are there, or the first one for whoever opens it to complain about."""
    paths = [folder / name for name in FOLDER_FILES]
    return tuple(path for path in paths if path.is_file()) or (paths[0],)


class UrlFilter(RuleStep):
    """Drops documents whose address is on a list, or has listed words in it."""

    use: Literal["url_filter"]
    drop_listed_domain: bool = Field(
        True, description="Drop documents from a listed domain, or from one below it."
    )
    drop_listed_url: bool = Field(
        True, description="Drop documents at a listed address, or in a folder that is one."
    )
    max_hard_words: CountLimit = Field(0, description="Largest number of different hard words.")
    max_soft_words: CountLimit = Field(1, description="Largest number of different soft words.")
    max_sub_words: CountLimit = Field(
        0, description="Largest number of different listed strings in the letters and digits of the address."
    )
    column: Text = Field("url", description="The column that holds the address.")
    lists: Texts = Field(
        (), description="Folders with a file `domains`, a file `urls`, or both, as UT1 publishes them."
    )
    domain_lists: Texts = Field((), description="Files of domains, one a line.")
    url_lists: Texts = Field((), description="Files of addresses, one a line.")
    hard_word_lists: Texts = Field((), description="Files of hard words, one a line.")
    soft_word_lists: Texts = Field((), description="Files of soft words, one a line.")
    sub_word_lists: Texts = Field(
        (), description="Files of strings, one a line, that may stand anywhere in an address."
    )
    domains: Texts = Field((), description="Domains, beside those of the files.")
    urls: Texts = Field((), description="Addresses, beside those of the files.")
    hard_words: Texts = Field((), description="Hard words, beside those of the files.")
    soft_words: Texts = Field((), description="Soft words, beside those of the files.")
    sub_words: Texts = Field((), description="Strings, beside those of the files.")

    columns: ClassVar[Mapping[str, ColumnKind]] = {
        "is_listed_domain": "bool",
        "is_listed_url": "bool",
        "num_hard_words": "uint32",
        "num_soft_words": "uint32",
        "num_sub_words": "uint32",
    }
    rules: ClassVar[Mapping[str, Rule]] = {
        **rules_of("==", drop_listed_domain="is_listed_domain", drop_listed_url="is_listed_url"),
        **rules_of(
            "<=",
            max_hard_words="num_hard_words",
            max_soft_words="num_soft_words",
            max_sub_words="num_sub_words",
        ),
    }
    source_note: ClassVar[str] = (
        "Penedo et al. 2023, The RefinedWeb dataset, arXiv 2306.01116, section G.1; datatrove's `URLFilter`."
    )

    def required_columns(self) -> tuple[str, ...]:
        """Return the column of addresses.

        Examples
        --------
        >>> UrlFilter.model_validate({"use": "url_filter", "name": "urls", "column": "link"}).required_columns()
        ('link',)
        """
        return (self.column,)

    def list_files(self, base: Path) -> Mapping[str, tuple[Path, ...]]:
        """Return the list files, by the key that names them.

        Examples
        --------
        >>> step = UrlFilter.model_validate({"use": "url_filter", "name": "urls", "domain_lists": ["bad.txt"]})
        >>> step.list_files(Path("lists"))
        {'domain_lists': (PosixPath('lists/bad.txt'),)}
        """
        files = {
            "lists": tuple(path for folder in _paths(base, self.lists) for path in _folder_files(folder)),
            "domain_lists": _paths(base, self.domain_lists),
            "url_lists": _paths(base, self.url_lists),
            "hard_word_lists": _paths(base, self.hard_word_lists),
            "soft_word_lists": _paths(base, self.soft_word_lists),
            "sub_word_lists": _paths(base, self.sub_word_lists),
        }
        return {key: paths for key, paths in files.items() if paths}


class WordBlockList(RuleStep):
    """Drops documents with words or phrases of a list."""

    use: Literal["word_block_list"]
    max_hits: CountLimit = Field(0, description="Largest number of places with a listed word or phrase.")
    max_distinct_hits: CountLimit = Field(
        None, description="Largest number of different listed words and phrases."
    )
    max_hit_ratio: FractionLimit = Field(
        None, description="Places with a listed word or phrase, by words and marks."
    )
    lists: Texts = Field((), description="Files of words and phrases, one a line.")
    words: Texts = Field((), description="Words and phrases, beside those of the files.")
    ignore_case: bool = Field(True, description="Compare words without case.")

    columns: ClassVar[Mapping[str, ColumnKind]] = {
        "num_hits": "uint32",
        "num_distinct_hits": "uint32",
        "hit_ratio": "float64",
    }
    rules: ClassVar[Mapping[str, Rule]] = rules_of(
        "<=", max_hits="num_hits", max_distinct_hits="num_distinct_hits", max_hit_ratio="hit_ratio"
    )
    source_note: ClassVar[str] = (
        "Raffel et al. 2020, T5, arXiv 1910.10683, section 2.2: any word of a list drops the page. "
        "The other two thresholds are gristmill's own."
    )

    def list_files(self, base: Path) -> Mapping[str, tuple[Path, ...]]:
        """Return the list files.

        Examples
        --------
        >>> step = WordBlockList.model_validate(
        ...     {"use": "word_block_list", "name": "words", "lists": ["bad.txt"]}
        ... )
        >>> step.list_files(Path("lists"))
        {'lists': (PosixPath('lists/bad.txt'),)}
        """
        return {"lists": _paths(base, self.lists)} if self.lists else {}


STEPS: Mapping[str, type[BuiltinStep]] = {"url_filter": UrlFilter, "word_block_list": WordBlockList}
"""Steps by the name that `use` gives."""
