"""Compares `c4_bad_words` and `c4_paragraphs` with datatrove's filters, and writes the parity cases.

    python -m venv TOOL
    TOOL/bin/pip install datatrove==0.10.1 numpy
    python bench/parity/c4_words.py --python TOOL/bin/python --corpus FOLDER [--write-cases]

datatrove downloads its lists; here it gets those that gristmill ships, written to files as they were published.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import several

USES: dict[str, str | None] = {"c4_bad_words": "datatrove", "c4_paragraphs": None}
TABLE = several.REPOSITORY / "rust/core/src/signals/c4/bad_words.tsv"

WORD_TEXTS = [
    ("en", "A mass of grass, a bass and an ass."),
    ("en", "ASS_ and ass2, classes of asses."),
    ("en", "2g1c"),
    ("en", "a beastiality-like word\nand\nbutt\n"),
    ("en", "🖕🖕"),
    ("en", "x🖕"),
    ("en", "é🖕é 🖕."),
    ("en", "two girls one cup"),
    ("en", "two  girls one cup"),
    ("de", "Der Arsch, der ARSCH und die Arschgeige."),
    ("fr", "Le con, la conne et le balcon."),
    ("es", "Una mierda, y un Asno."),
    ("tr", "AM İBNE am ıslak"),
    ("hi", "यह एक वाक्य है aand।"),
    ("ja", "これは普通の文です。sm女の子グロ"),
    ("ja", "糞だ"),
    ("th", "ประโยคกูธรรมดา"),
    ("zh", "性格很好的人"),
    ("zh", "我有一个乳字"),
    ("ko", "평범한 문장 씹"),
    ("ru", "Обычный текст, бык и byk."),
    ("ar", "نص عادي مص"),
    ("tlh", "QI'yaH qi'yah"),
    ("fr-CA-u-sd-caqc", "osti de texte"),
]


def as_tool() -> several.Measure:
    """Return what measures a text with the filters."""
    several.hide_scripts()
    from datatrove.data import Document
    from datatrove.pipeline.filters import c4_filters

    folder = Path(tempfile.mkdtemp())
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            language, *entries = line.split("\t")
            (folder / language).write_text("\n".join(entries) + "\n", encoding="utf-8")
    c4_filters.cached_asset_path_or_download = lambda address, **_settings: str(
        folder / address.rpartition("/")[2]
    )
    words = c4_filters.C4BadWordsFilter()
    paragraphs = c4_filters.C4ParagraphFilter()

    def measure(use: str, text: str, config: Mapping[str, object]) -> tuple[several.Values, several.Values]:
        document = Document(text=text, id="0", metadata={"language": config.get("language", "en")})
        is_kept = (words if use == "c4_bad_words" else paragraphs).filter(document) is True
        return {}, {"document": is_kept}

    return measure


def cases(use: str) -> Sequence[Mapping[str, object]]:
    """Return the cases of a step."""
    if use == "c4_bad_words":
        found = [{"text": text, "config": {"language": language}} for language, text in WORD_TEXTS]
        return [*found, *({"text": text} for text in several.TEXTS)]
    lengths = [(200, 200, 200), (200, 200, 199), (250, 300, 10, 5, 200), (900,), (200, 199, 300, 0, 0)]
    texts = ["\n".join("é" * length for length in row) for row in lengths]
    return [{"text": text} for text in (*texts, *several.TEXTS)]


if __name__ == "__main__":
    sys.exit(
        several.run(
            script=__file__,
            tool="datatrove 0.10.1",
            how="bench/parity/c4_words.py: the filters' decisions on the same texts",
            as_tool=as_tool,
            uses=USES,
            cases=cases,
        )
    )
