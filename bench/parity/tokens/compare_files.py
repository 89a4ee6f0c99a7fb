"""Compares ids of tiktoken, Tekken and SentencePiece files with those of the libraries that the files belong to.

    python bench/parity/tokens/compare_files.py FILE... --number 5000 --corpus DATA/corpus
    python bench/parity/tokens/compare_files.py --write-cases

Needs `tiktoken` 0.14.0, `mistral-common` 1.13.1 and `sentencepiece` 0.2.3, whichever the files call for. A tiktoken
file is compared with the encoding that its name says (`cl100k_base.tiktoken`). Prints the first texts that differ, and
ends with 1 then.

With `--write-cases` trains the small SentencePiece models that the tests have, on the documentation of this repository,
and writes down the library's ids of the fixed texts.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

import gristmill

ROOT = Path(__file__).parents[3]
CASES = ROOT / "tests" / "parity" / "tokens" / "sentencepiece"

sys.path.insert(0, str(ROOT / "tests" / "parity" / "tokens"))

from nasty import FIXED, texts  # noqa: E402

Encode = Callable[[str], Sequence[int]]

RULES = "\uff21\tA\n\ufb01\tfi\n\u2026\t. . .\n\t\u0020\n\u00a0\t\u0020\ne\u0301\t\u00e9\n"
"""Characters that the models map: one to one, one to several, several to one, and white space."""

MODELS = {
    "bpe_bytes": {
        "model_type": "bpe",
        "vocab_size": 700,
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "split_digits": True,
        "allow_whitespace_only_pieces": True,
        "user_defined_symbols": ["<sep>", "\n\n"],
        "control_symbols": ["<ctl>"],
    },
    "bpe_unknown": {"model_type": "bpe", "vocab_size": 500, "normalization_rule_tsv": "rules.tsv"},
    "unigram": {"model_type": "unigram", "vocab_size": 500, "normalization_rule_tsv": "rules.tsv"},
    "unigram_bytes": {
        "model_type": "unigram",
        "vocab_size": 700,
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "add_dummy_prefix": False,
        "user_defined_symbols": ["<sep>", "ing"],
    },
}
"""What the tests' models are trained with."""


def library_of(file: Path) -> Encode:
    """Return how the library that a file belongs to encodes plain text."""
    head = file.read_bytes()[:200]
    if head.lstrip().startswith(b"{"):
        from mistral_common.tokens.tokenizers.tekken import Tekkenizer

        tekken = Tekkenizer.from_file(str(file))
        return lambda text: tekken.encode(text, False, False)
    if file.suffix == ".tiktoken":
        import tiktoken
        from tiktoken.load import load_tiktoken_bpe
        from tiktoken_ext import openai_public

        if file.stem not in openai_public.ENCODING_CONSTRUCTORS:
            raise SystemExit(f"tiktoken knows no encoding `{file.stem}`")
        openai_public.load_tiktoken_bpe = lambda *_, **__: load_tiktoken_bpe(str(file))
        return tiktoken.Encoding(**getattr(openai_public, file.stem)()).encode_ordinary
    import sentencepiece

    return sentencepiece.SentencePieceProcessor(model_file=str(file)).encode


def documents(corpus: Path) -> Iterator[str]:
    """Yield the texts of a corpus, and once all of its first million characters as one text."""
    whole: list[str] = []
    for path in (*sorted(corpus.glob("*.jsonl.*")), *sorted(corpus.glob("*.parquet"))):
        for table in gristmill.read([path]):
            for text in table.column("text").to_pylist():
                if text:
                    if sum(map(len, whole)) < 1_000_000:
                        whole.append(text)
                    yield text
    yield from (path.read_bytes().decode(errors="replace") for path in sorted(corpus.rglob("*.txt")))
    yield "".join(whole)


def compare(file: Path, drawn: Sequence[str]) -> int:
    """Print how many texts differ, and return that."""
    library, ours = library_of(file), gristmill.Tokenizer(file)
    found = ours.encode_batch(pa.array(drawn, pa.large_utf8())).to_pylist()
    differ = [text for text, ids in zip(drawn, found, strict=True) if list(library(text)) != ids]
    print(f"{file.name}: {len(differ)} of {len(drawn)} texts differ")
    for text in differ[:3]:
        print(f"  {text[:200]!r}")
    return len(differ)


def write_cases() -> None:
    """Train the tests' models and write down the library's ids."""
    import sentencepiece

    CASES.mkdir(parents=True, exist_ok=True)
    (CASES / "rules.tsv").write_text(
        "".join(
            "\t".join(" ".join(f"{ord(c):X}" for c in part) for part in line.split("\t", 1)) + "\n"
            for line in RULES.splitlines()
            if not line.startswith("\t")
        ),
        encoding="utf-8",
    )
    pages = sorted((ROOT / "docs").rglob("*.md"))
    lines = [line for page in pages for line in page.read_text(encoding="utf-8").splitlines() if line.strip()]
    cases = {}
    for name, settings in MODELS.items():
        told = {key: str(CASES / value) if key.endswith("_tsv") else value for key, value in settings.items()}
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_prefix=str(CASES / name),
            num_threads=1,
            minloglevel=2,
            character_coverage=0.995,
            **told,
        )
        (CASES / f"{name}.vocab").unlink()
        library = sentencepiece.SentencePieceProcessor(model_file=str(CASES / f"{name}.model"))
        cases[name] = [[text, library.encode(text)] for text in (*FIXED, *texts(11, 8))]
    (CASES / "rules.tsv").unlink()
    (CASES / "ids.json").write_text(json.dumps(cases) + "\n", encoding="utf-8")


def main() -> int:
    """Compare what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--number", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--write-cases", action="store_true")
    arguments = parser.parse_args()
    if arguments.write_cases:
        write_cases()
    drawn = list(texts(arguments.seed, arguments.number))
    if arguments.corpus is not None:
        drawn.extend(documents(arguments.corpus))
    return 1 if sum(compare(file, drawn) for file in arguments.files) else 0


if __name__ == "__main__":
    sys.exit(main())
