"""Compares `nemo_heuristics` with NeMo Curator's own filters, and writes the parity cases.

    python -m venv TOOL
    TOOL/bin/pip install --no-deps nemo-curator==1.4.0
    TOOL/bin/pip install loguru regex
    python bench/parity/curator.py --python TOOL/bin/python --corpus FOLDER [--write-cases]

The package itself imports Ray and torch, so its parents are replaced by empty packages, and the modules of the filters
are imported as they are.
"""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Callable, Mapping
from importlib.metadata import distribution
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import comparison

USE = "nemo_heuristics"
FILTERS = {
    "non_alphanumeric_fraction": "NonAlphaNumericFilter",
    "digit_fraction": "NumbersFilter",
    "url_character_fraction": "UrlsFilter",
    "white_space_fraction": "WhiteSpaceFilter",
    "parenthesis_fraction": "ParenthesesFilter",
    "longest_word_length": "LongWordFilter",
    "boilerplate_paragraph_fraction": "BoilerPlateStringFilter",
    "unended_line_fraction": "PunctuationFilter",
    "has_pornographic_url": "PornographicUrlsFilter",
}


def import_filters() -> types.ModuleType:
    """Return the module of the string heuristics, without running the packages that hold it."""
    folder = Path(str(distribution("nemo-curator").locate_file("nemo_curator")))
    for name in (
        "",
        ".stages",
        ".stages.text",
        ".stages.text.filters",
        ".stages.text.filters.heuristic",
        ".stages.text.utils",
    ):
        package = types.ModuleType(f"nemo_curator{name}")
        package.__path__ = [str(folder.joinpath(*name.split(".")[1:]))]
        sys.modules[package.__name__] = package
    return importlib.import_module("nemo_curator.stages.text.filters.heuristic.string")


def as_tool() -> Callable[[str, Mapping[str, object]], tuple[comparison.Values, comparison.Values]]:
    """Return what measures a text with the filters."""
    module = import_filters()
    filters = {column: getattr(module, name)() for column, name in FILTERS.items()}

    def measure(text: str, config: Mapping[str, object]) -> tuple[comparison.Values, comparison.Values]:
        values: dict[str, object] = {}
        keep: dict[str, object] = {}
        for column, rule in filters.items():
            try:
                score = rule.score_document(text)
            except (ZeroDivisionError, ValueError):
                values[column] = keep[column] = None
                continue
            values[column] = bool(score) if column.startswith("has_") else score
            keep[column] = bool(rule.keep_document(score))
        if "substring" in config:
            rule = module.SubstringFilter(config["substring"], config.get("substring_position", "any"))
            keep["lacks_substring"] = bool(rule.keep_document(rule.score_document(text)))
            values["lacks_substring"] = not keep["lacks_substring"]
        return values, keep

    return measure


def cases() -> list[dict[str, object]]:
    """Return texts that show every rule, and odd ones."""
    necessary = (
        "Necessary cookies are absolutely essential for the website to function properly. This category only includes "
        "cookies that ensures basic functionalities and security features of the website. These cookies do not store "
        "any personal information."
    )
    agree = (
        "If you continue to browse this site without changing your cookie settings, you agree to this use. "
        "AcceptRead More"
    )
    texts = [
        "",
        " \n\t\x08\r ",
        "The mill grinds slowly, but it grinds fine. So they say!",
        "A line without an end\nAnother one, which ends.\nA question?\n\n\"Quoted\"\nIt's\n'single'\n  padded.  \u00a0",
        "See https://example.org/a?b=c#d and http://example.org/%7Euser, or HTTP://EXAMPLE.ORG and ftp://example.org.",
        "<a href='http://example.org/x'>http://example.org/%zz%41</a> http:// https://é http://http://a",
        "Go to https://pornography.example now; porn alone is no address.",
        "(a) [b] {c} ⟨d⟩ 【e】 （f） < g >",
        "12 345 67890 ١٢٣ １２３ ²³ Ⅷ ¾",
        "naïve café, 東京 (とうきょう), Ελλάδα; „Zitat“ — ‘quote’ … ¿qué?",
        "x" * 1000 + " short",
        "y" * 1001 + " short",
        "a\u00a0b\u2003c\x1cd\x85e\u200bf supercalifragilistic",
        "We use cookies.\n\nUse Cookies.\n\nOUR PRIVACY POLICY\n\nNothing here.\n\n\nprivacy & cookies policy\n",
        "terms of\nuse\n\nterms  of use\n\nuse of coo\u212aies\n\nprİvacy policy\n\nprivacy overvıew",
        f"{necessary}\n\nOne more paragraph.",
        f"{agree}\n\nIf you continue to browse this site, you agree to this use.",
        "First.\n\nLorem IPSUM dolor sit amet.\n\nLast.",
        "\n\n\n\n",
        "\r\nLines\r\nof Windows.\r\n\r\nEnd\r\n",
        "👩\u200d👩\u200d👧 🏳️\u200d🌈 e\u0301 \ufeff",
        *comparison.example_texts(1500),
    ]
    found: list[dict[str, object]] = [{"text": text} for text in texts]
    for position in ("any", "prefix", "suffix"):
        config = {"substring": "grinds", "substring_position": position}
        found += [
            {"text": text, "config": config} for text in ("It grinds.", "grinds fine", "It grinds", "No.")
        ]
    return found


if __name__ == "__main__":
    sys.exit(
        comparison.run(
            script=__file__,
            use=USE,
            tool="NeMo Curator 1.4.0",
            how="score_document of the filters in nemo_curator.stages.text.filters.heuristic.string",
            as_tool=as_tool,
            cases=cases,
        )
    )
