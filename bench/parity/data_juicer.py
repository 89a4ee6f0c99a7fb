"""Compares `data_juicer_text` with Data-Juicer's own filters, and writes the parity cases.

    python -m venv TOOL
    TOOL/bin/pip install --no-deps py-data-juicer==1.6.1
    TOOL/bin/pip install emoji==2.2.0 loguru numpy pydantic regex requests
    python bench/parity/data_juicer.py --python TOOL/bin/python --corpus FOLDER [--write-cases]

The package imports datasets, Ray and torch, so its parents and what the filters need for models are replaced by stubs;
the filters, the splitting of words and the special characters are imported as they are. The word lists, which
Data-Juicer downloads, are handed over: those in gristmill's table.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
import tempfile
import types
from collections.abc import Callable, Mapping
from importlib.metadata import distribution
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import comparison

USE = "data_juicer_text"
# By column: module, class and key of the statistic.
FILTERS = {
    "num_characters": ("text_length_filter", "TextLengthFilter", "text_len"),
    "num_words": ("words_num_filter", "WordsNumFilter", "num_words"),
    "alphanumeric_fraction": ("alphanumeric_filter", "AlphanumericFilter", "alnum_ratio"),
    "special_character_fraction": (
        "special_characters_filter",
        "SpecialCharactersFilter",
        "special_char_ratio",
    ),
    "mean_line_length": ("average_line_length_filter", "AverageLineLengthFilter", "avg_line_length"),
    "longest_line_length": ("maximum_line_length_filter", "MaximumLineLengthFilter", "max_line_length"),
    "character_repetition_fraction": (
        "character_repetition_filter",
        "CharacterRepetitionFilter",
        "char_rep_ratio",
    ),
    "word_repetition_fraction": ("word_repetition_filter", "WordRepetitionFilter", "word_rep_ratio"),
    "stop_word_fraction": ("stopwords_filter", "StopWordsFilter", "stopwords_ratio"),
    "flagged_word_fraction": ("flagged_words_filter", "FlaggedWordFilter", "flagged_words_ratio"),
}


class Registry:
    """Stands in for Data-Juicer's registries: leaves classes as they are."""

    def __init__(self, _name: str = "") -> None:
        pass

    def register_module(self, _name: str) -> Callable[[type], type]:
        """Return a decorator that does nothing."""
        return lambda decorated: decorated


class Filter:
    """Stands in for Data-Juicer's base class, which brings its own executor; both ends of a range belong to it."""

    text_key = "text"

    def __init__(self, **_settings: object) -> None:
        pass

    def get_keep_boolean(self, value: float, least: float | None, most: float | None) -> bool:
        """Return whether a value is in the range."""
        return (least is None or value >= least) and (most is None or value <= most)


def stub(name: str, **content: object) -> None:
    """Put a module of that name and content in place."""
    module = types.ModuleType(name)
    module.__dict__.update(content)
    sys.modules[name] = module


def import_filters(words: Path) -> dict[str, tuple[type, str]]:
    """Return class and key of the statistic by column."""
    folder = Path(str(distribution("py-data-juicer").locate_file("data_juicer")))
    for name in ("data_juicer", "data_juicer.ops", "data_juicer.ops.filter", "data_juicer.utils"):
        stub(name, __path__=[str(folder.joinpath(*name.split(".")[1:]))])
    stub("data_juicer.utils.model_utils", get_model=lambda _key: None, prepare_model=None)
    stub("data_juicer.utils.cache_utils", DATA_JUICER_ASSETS_CACHE=str(words))
    stub("data_juicer.utils.file_utils", add_suffix_to_filename=None, find_files_with_suffix=None)
    stub("data_juicer.ops.base_op", OPERATORS=Registry(), NON_STATS_FILTERS=Registry(), Filter=Filter)
    stub("data_juicer.ops.op_fusion", INTER_LINES=Registry(), INTER_WORDS=Registry())
    found = {}
    for column, (module, name, key) in FILTERS.items():
        found[column] = getattr(importlib.import_module(f"data_juicer.ops.filter.{module}"), name), key
    return found


def write_word_lists(folder: Path) -> None:
    """Write the two lists as the files that Data-Juicer looks for."""
    table = (comparison.REPOSITORY / "rust/core/src/signals/data_juicer/word_lists.rs").read_text(
        encoding="utf-8"
    )
    for name, file in (("STOP", "stopwords.json"), ("FLAGGED", "flagged_words.json")):
        [words] = re.findall(rf"const ENGLISH_{name}_WORDS: \[&str; \d+\] = \[(.*?)\n\];", table, re.DOTALL)
        (folder / file).write_text(json.dumps({"en": re.findall(r'"(.*?)"', words)}), encoding="utf-8")


def as_tool() -> Callable[[str, Mapping[str, object]], tuple[comparison.Values, comparison.Values]]:
    """Return what measures a text with the filters."""
    words = Path(tempfile.mkdtemp())
    write_word_lists(words)
    classes = import_filters(words)

    def measure(text: str, config: Mapping[str, object]) -> tuple[comparison.Values, comparison.Values]:
        values: dict[str, object] = {}
        keep: dict[str, object] = {}
        for column, (filter_class, key) in classes.items():
            length = config.get(column.removesuffix("_fraction") + "_length")
            rule = filter_class(**({} if length is None else {"rep_len": length}))
            samples = {"text": [text], "__dj__stats__": [{}]}
            stats = (
                rule.compute_stats_batched(samples)["__dj__stats__"]
                if hasattr(rule, "compute_stats_batched")
                else []
            )
            if not stats:
                stats = [rule.compute_stats_single({"text": text, "__dj__stats__": {}})["__dj__stats__"]]
            values[column] = stats[0][key]
            if hasattr(rule, "process_batched"):
                [keep[column]] = rule.process_batched({"__dj__stats__": stats})
            else:
                keep[column] = rule.process_single({"__dj__stats__": stats[0]})
        return values, keep

    return measure


def cases() -> list[dict[str, object]]:
    """Return texts that show every rule, and odd ones."""
    texts = [
        "",
        " ",
        "...",
        "The mill grinds slowly, but it grinds fine. So they say!",
        "one\ntwo\r\nthree\rfour\x0bfive\x0csix\x1cseven\x85eight\u2028nine\u2029",
        "\n\n\n",
        "a\u00a0b c\u3000d e\u2003f\tg\x1fh \u00a0 i \x85 j",
        "Don't stop: it's \"only\" a (short) test -- isn't it?",
        "1st 2nd _x_ __init__ a1b2 3.14 x-y C++ #tag @name",
        "Ø Π Г Ɪ ΣΑΣ ΟΔΥΣΣΕΥΣ İstanbul ıssız Straße ǅ",
        "The 🙂 smile👍🏽 and ♥love♥ — “quoted” … «guillemets»",
        "漢字とカタカナー。一上士ッツシン 中文，标点。",
        "١٢٣ ²³ ½ Ⅷ ① 〇 e\u0301 नमस्ते",
        "abcdefghij" * 3,
        "abcdefghi",
        "the cat sat on the mat and then the cat sat on the mat and then the cat sat on the mat and then it left",
        "ha" * 200,
        "A sentence that repeats itself quite often. " * 12,
        "porn PORN, porn! and xxx here, with erotic words",
        *comparison.example_texts(1500),
    ]
    found: list[dict[str, object]] = [{"text": text} for text in texts]
    for length in (1, 3):
        config = {"character_repetition_length": length, "word_repetition_length": length}
        found += [{"text": text, "config": config} for text in texts[3:17:2]]
    return found


if __name__ == "__main__":
    sys.exit(
        comparison.run(
            script=__file__,
            use=USE,
            tool="Data-Juicer 1.6.1",
            how="compute_stats of the filters in data_juicer.ops.filter, with emoji 2.2.0 and the English word lists",
            as_tool=as_tool,
            cases=cases,
        )
    )
